//! `psd2_role` of a route: what the client's certificate must grant.

use super::fault::Problem;
use super::reader::{Value, distinct};
use super::routes::Known;
use crate::oauth::role::Role;

/// One of these roles. A certificate for which nobody vouches could name any.
pub(super) fn read(value: &Value<'_>, known: &Known<'_>) -> Option<Vec<Role>> {
    if !known.vouches {
        let problem = Problem::new("anybody could write a role into a certificate of his own");
        value.refuse(
            problem.hint(
                "name `client_ca` in `server.tls`, or the proxies that check certificates in `server.trusted_hops`",
            ),
        );
    }
    distinct(value.one_or_list()?, |item| {
        item.parse(|text| {
            let names = Role::ALL.map(Role::as_str);
            text.parse().map_err(|_| Problem::new("is not a role of PSD2").did_you_mean(text, names.into_iter()))
        })
    })
}
