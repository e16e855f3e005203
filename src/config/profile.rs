//! `profile: fapi2`: what the FAPI 2.0 Security Profile demands of a resource server, and a configuration that cannot
//! meet it is refused (§5.3.4, §5.4).

use super::Server;
use super::dpop::Dpop;
use super::fault::Problem;
use super::issuers::Issuer;
use super::reader::{Section, Value};
use super::revocations::Revocations;
use super::tls::ClientCertificates;
use crate::oauth::algorithm::Algorithm;

/// What tokens, and the gateway itself, are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The RFCs.
    Baseline,
    /// FAPI 2.0 Security Profile §5.3.4, §5.4: sender-constrained tokens, its algorithms, revocation.
    Fapi2,
}

/// `baseline | fapi2`
pub(super) fn parse(text: &str) -> Result<Profile, Problem> {
    match text {
        "baseline" => Ok(Profile::Baseline),
        "fapi2" => Ok(Profile::Fapi2),
        _ => Err(Problem::new("is not a profile").did_you_mean(text, ["baseline", "fapi2"].into_iter())),
    }
}

/// §5.4.1: of all algorithms these three.
pub(super) fn check_algorithms(profile: Profile, algorithms: Option<&[Algorithm]>, value: Option<&Value<'_>>) {
    let is_bad = |one: &&Algorithm| !FAPI2.contains(one);
    if profile == Profile::Fapi2
        && let (Some(bad), Some(value)) = (algorithms.unwrap_or_default().iter().find(is_bad), value)
    {
        let problem = Problem::new(format!("{} is not allowed by `profile: fapi2`", bad.as_str()));
        value.refuse(problem.hint("it allows PS256, ES256 and EdDSA (FAPI 2.0 §5.4.1)"));
    }
}

/// What the gateway beside an issuer with this profile must have: a way to prove senders (§5.3.4-5), and a way to learn
/// of revocations (§5.3.4-3). A deny-list that a restart forgets is none, nor is a status list that a token need not name.
pub(super) fn check_gateway(
    root: &Section<'_>,
    (server, issuers): (&Server, &[Issuer]),
    (dpop, revocations): (Option<&Dpop>, &Revocations),
) {
    let items = root.find("issuers").and_then(|value| value.list_or_empty()).unwrap_or_default();
    let held = issuers.iter().zip(&items).filter(|(issuer, _)| issuer.profile == Profile::Fapi2);
    let sees_certificates = !server.trusted_hops.is_empty()
        || server.tls.as_ref().is_some_and(|tls| tls.clients != ClientCertificates::None);
    let mut is_any_held = false;
    for (issuer, item) in held {
        is_any_held = true;
        if dpop.is_none() && !sees_certificates {
            let problem = Problem::new("`profile: fapi2` wants tokens bound to their sender, and no proof is checked");
            item.refuse(problem.hint("add `dpop:`, or `client_certificate` to `server.tls`, or both"));
        }
        let is_listed = issuer.status_list.as_ref().is_some_and(|lists| lists.is_required);
        if issuer.introspection.is_none() && revocations.file.is_none() && !is_listed {
            let problem = Problem::new("`profile: fapi2` wants revoked tokens refused, and nobody says which they are");
            let hint = "add `introspection` or `status_list: { required: true }`, or name `revocations.file` so that no \
                        restart forgets them";
            item.refuse(problem.hint(hint));
        }
    }
    if is_any_held {
        let value = root.find("dpop");
        check_algorithms(Profile::Fapi2, dpop.map(|dpop| dpop.algorithms.as_slice()), value.as_ref());
    }
}

const FAPI2: [Algorithm; 3] = [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];
