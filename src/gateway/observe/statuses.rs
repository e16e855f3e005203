//! The statuses of upstreams as a metric tells them apart.

use http::StatusCode;

/// The slot of an upstream's status: its own, or that of its class.
pub(super) fn slot(status: StatusCode) -> usize {
    let own = ALL.iter().position(|known| *known == status);
    own.unwrap_or_else(|| {
        // A status beyond 599 is a fault of the upstream (RFC 9110 §15).
        let class = match status.as_u16() / 100 {
            hundreds @ 2..=5 => StatusCode::from_u16(hundreds * 100).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ALL.iter().position(|known| *known == class).unwrap_or_default()
    })
}

/// The statuses that APIs answer with; another one is counted under its class (`200`, `300`, `400`, `500`).
/// A closed set: an upstream cannot make label values up.
pub(super) const ALL: [StatusCode; COUNT] = [
    StatusCode::SWITCHING_PROTOCOLS,
    StatusCode::OK,
    StatusCode::CREATED,
    StatusCode::ACCEPTED,
    StatusCode::NO_CONTENT,
    StatusCode::PARTIAL_CONTENT,
    StatusCode::MULTIPLE_CHOICES,
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::NOT_MODIFIED,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::NOT_ACCEPTABLE,
    StatusCode::CONFLICT,
    StatusCode::GONE,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::NOT_IMPLEMENTED,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];
pub(super) const COUNT: usize = 31;
