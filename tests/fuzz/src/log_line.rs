//! One line of an access log, as `scopegate kpi` reads it.

use scopegate::commands::kpi::line;
use scopegate::config::service::Service;
use scopegate::gateway::reason::Fault;
use serde_json::Value;

/// What is read is what `serde_json` sees, times are in order, and an answer took no longer than its request.
pub fn log_line(bytes: &[u8]) {
    let Some(event) = line::read(bytes, None) else { return };
    // A number in a field that nobody reads may be too large for a `Value`.
    let Ok(other) = serde_json::from_slice::<Value>(bytes) else { return };
    let number = |name: &str| other[name].as_u64().unwrap_or_default();
    assert_eq!(event.service, other["service"].as_str().and_then(Service::named));
    assert_eq!(event.bytes, number("bytes"));
    assert!(event.time_ms <= event.received_ms && event.time_ms <= event.ended_ms);
    assert!(event.response_us.is_none_or(|us| us <= number("duration_us")));
    assert!(event.first_us.is_none_or(|us| us <= number("first_us")));
    if other["reason"].is_null() && number("status") >= 500 {
        assert_eq!(event.fault, Some(Fault::Upstream));
    }
}
