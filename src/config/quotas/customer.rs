//! Whether quotas count calls that a customer waits for, and how it is known that one does.

use crate::config::demands;
use crate::config::fault::Problem;
use crate::config::reader::Section;
use http::HeaderName;

/// Whether calls that a customer waits for are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Customer {
    /// They count like all others.
    Counted,
    /// They do not, and are known as the form of the route's errors says: `x-fapi-customer-ip-address`, `PSU-IP-Address`, or
    /// `PSU-Initiated`.
    NotCounted,
    /// They do not, and are known by this field.
    NotCountedWith(HeaderName),
}

/// `unattended` and `attended_by`.
pub(super) fn read(section: &Section<'_>) -> Option<Customer> {
    let unattended = section.read_or("unattended", false, |value| value.truth());
    let field = section.read_or("attended_by", None, |value| value.parse(demands::header_name).map(Some));
    if let (Some(false), Some(value)) = (unattended, section.find("attended_by")) {
        value.refuse(Problem::new("is never asked").hint("write `unattended: true` beside it, or remove it"));
        return None;
    }
    Some(match (unattended?, field?) {
        (false, _) => Customer::Counted,
        (true, None) => Customer::NotCounted,
        (true, Some(field)) => Customer::NotCountedWith(field),
    })
}
