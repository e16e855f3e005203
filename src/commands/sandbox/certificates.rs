//! The certificates of `--tls`, made anew at each start: an authority that developers are told to trust, the
//! sandbox's own, and one for a client that wants its tokens bound to it.

use super::configuration::{AUTHORITY, CLIENT, SERVER, SERVER_KEY};
use super::folder::Folder;
use crate::net::tls::{self, AskClients};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::IpAddr;
use std::sync::Arc;

/// What is used here of what was made; the rest lies in the folder.
#[derive(Debug)]
pub(super) struct Made {
    /// Whom to trust.
    pub(super) authority: CertificateDer<'static>,
    /// How the portal serves.
    pub(super) server: Arc<ServerConfig>,
}

/// Makes them for these addresses and `localhost`, and writes them into the folder.
pub(super) fn make(folder: &Folder, addresses: &[IpAddr]) -> anyhow::Result<Made> {
    let authority_key = KeyPair::generate()?;
    let mut params = named("Sandbox Bank, authority for trying things out");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = params.self_signed(&authority_key)?;
    folder.write(AUTHORITY, &authority.pem())?;
    let issuer = Issuer::new(params, authority_key);

    let client_key = KeyPair::generate()?;
    let mut params = named("An application at Sandbox Bank");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client = params.signed_by(&client_key, &issuer)?;
    folder.write(CLIENT, &format!("{}{}", client.pem(), client_key.serialize_pem()))?;

    let server_key = KeyPair::generate()?;
    let mut params = named("Sandbox Bank");
    params.subject_alt_names = vec![SanType::DnsName("localhost".try_into()?)];
    params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = params.signed_by(&server_key, &issuer)?;
    folder.write(SERVER, &server.pem())?;
    folder.write(SERVER_KEY, &server_key.serialize_pem())?;

    let key = PrivateKeyDer::try_from(server_key.serialize_der()).map_err(anyhow::Error::msg)?;
    // As at the gateway: a token is bound to whatever certificate its client holds the key of.
    let clients = AskClients::Certificate { authorities: &[], revoked: &[], is_required: false };
    Ok(Made { authority: authority.der().clone(), server: tls::server(vec![server.der().clone()], key, clients)? })
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
