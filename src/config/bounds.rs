//! Every bound of the gateway that no operator may move, and how far those that they may can be moved, each with its reason.

use std::time::Duration;

/// What `Connection` may list in one message: each option is compared with the name of every field, and nobody lists more than
/// three or four.
pub const CONNECTION_OPTIONS_MAX: usize = 100;
/// Keys that one quota counts at a time, unless told otherwise: the consents of a bank that are used in a day, or an attacker's
/// networks in a second. 6 MB at most for a rate, 22 MB for four calls a day.
pub const QUOTA_KEYS_MAX: usize = 100_000;
/// What an operator may raise `quotas[].keys` to.
pub const QUOTA_KEYS_MOST: usize = 1_000_000;
/// The largest number of a quota: beyond it a counter of 53 bits would not do for a month.
pub const QUOTA_CALLS_MOST: usize = 1_000_000;
/// The highest rate, in calls a second: what lies between two is whole microseconds.
pub const QUOTA_RATE_MOST: u64 = 100_000;
/// The shortest window: shorter ones are rates.
pub const QUOTA_WINDOW_MIN: Duration = Duration::from_secs(1);
/// The longest: a month.
pub const QUOTA_WINDOW_MAX: Duration = Duration::from_hours(31 * 24);
/// How long after a call its further pages are none themselves.
pub const QUOTA_PAGES_WITHIN: Duration = Duration::from_mins(10);
/// An access token; RFC 9068 tokens with rich claims stay below a third of it.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// What a client may send of one request's body before we have taken it: it holds that much of our memory.
pub const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all requests of a connection.
pub const HTTP2_CONNECTION_WINDOW: u32 = 256 * 1024;
/// Bytes of one answer that wait for the client.
pub const HTTP2_SEND_BYTES_MAX: usize = 64 * 1024;
/// Requests that a client took back before we came to them; one more ends the connection (CVE-2023-44487).
pub const HTTP2_PENDING_RESETS_MAX: usize = 20;
/// Streams that we had to reset because of what the client sent on them; one more ends the connection (CVE-2025-8671).
pub const HTTP2_LOCAL_RESETS_MAX: usize = 1024;
/// Streams of one client that were reset a moment ago, beside `streams`: what is still on its way for them is no fault of its.
pub const HTTP2_RESETS_REMEMBERED: usize = 256;
/// What a client's small pieces of bodies may cost as h2 counts it (256 less their size, each until it is read): some two
/// thousand pieces. Each may keep alive what was read with it, 8 KiB at worst: 17 MB (measured).
pub const HTTP2_SMALL_PIECES_MAX: usize = 2048 * 256;
/// A token in Huffman code that a client's connection remembers, with what it says, for the next request; a longer one is left
/// as it came. A byte of it says up to eight fifths of one.
pub const HTTP2_PACKED_BYTES_MAX: usize = 4 * 1024;
/// What a client's frames that carry nothing may cost it at once (`gateway/http2/strain.rs` has the prices): a hundred resets
/// or two hundred pings, since a page that is left resets all of its streams.
pub const HTTP2_CREDIT_MAX: i64 = 1000;
/// How much of it comes back in a second: twenty resets or forty pings go on for ever.
pub const HTTP2_CREDIT_PER_SECOND: i64 = 200;
/// A JWK set; a hundred RSA-4096 keys with certificates fit.
pub const JWKS_BYTES_MAX: usize = 512 * 1024;
/// Keys of one set; the rest is ignored and counted.
pub const JWKS_KEYS_MAX: usize = 100;
/// An issuer's metadata; the longest in use are a tenth of it.
pub const METADATA_BYTES_MAX: usize = 64 * 1024;
/// One fetch of a JWK set or of metadata.
pub const JWKS_FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The shortest time between two fetches that an operator may ask for, and the shortest that keys may be stale.
pub const JWKS_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Between two tries while the issuer does not answer.
pub const JWKS_RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// The longest that an introspection answer may hold: a revocation that takes longer is none.
pub const INTROSPECTION_CACHE_MAX: Duration = Duration::from_mins(10);
/// The longest that a refusal by introspection may be remembered.
pub const INTROSPECTION_NEGATIVE_CACHE_MAX: Duration = Duration::from_secs(10);
/// Refusals remembered per issuer, apart from the verdicts: random tokens evict no good one.
pub const INTROSPECTION_REFUSALS_MAX: usize = 16 * 1024;
/// The longest that a request may wait for an introspection answer.
pub const INTROSPECTION_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// What an operator may raise `introspection.calls` to.
pub const INTROSPECTION_CALLS_MOST: usize = 256;
/// Questions to one issuer that wait for a free call; one more is answered 503.
pub const INTROSPECTION_QUEUE_MAX: usize = 1024;
/// Requests that wait for one issuer's answers; one more is answered 503.
pub const INTROSPECTION_WAITERS_MAX: usize = 8 * 1024;
/// An introspection answer; the richest consents stay far below it.
pub const INTROSPECTION_BYTES_MAX: usize = 64 * 1024;
/// The oldest signed introspection answer that is believed (RFC 9701 §5, `iat`).
pub const INTROSPECTION_AGE_MAX: Duration = Duration::from_mins(1);
/// Lists that are kept of one issuer; tokens in a further one are 503. A list has room for 130 million tokens.
pub const STATUS_LISTS_MAX: usize = 64;
/// A status list as it comes, signed and compressed: a full one of which one token in fifty was revoked takes 5.4 MiB.
pub const STATUS_LIST_TOKEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A status list inflated. Full lists would fill 1 GiB for each issuer: whoever signs them could do worse.
pub const STATUS_LIST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// One fetch of a status list, and so the longest that a request waits for one.
pub const STATUS_LIST_FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The shortest time between two fetches of a list, whatever it says of itself.
pub const STATUS_LIST_REFRESH_MIN: Duration = Duration::from_secs(1);
/// The longest time between two fetches that an operator may ask for.
pub const STATUS_LIST_REFRESH_MAX: Duration = Duration::from_hours(1);
/// Between two tries while a list cannot be fetched.
pub const STATUS_LIST_RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// A list that no token was looked up in for so long is forgotten.
pub const STATUS_LIST_IDLE_MAX: Duration = Duration::from_hours(1);
/// Requests that wait for lists of one issuer; one more is answered 503.
pub const STATUS_LIST_WAITERS_MAX: usize = 8 * 1024;
/// Failures in a row after which an issuer is left alone.
pub const BREAKER_FAILURES: u32 = 5;
/// How long it is left alone before one question probes it again.
pub const BREAKER_PAUSE: Duration = Duration::from_secs(2);
/// Clock difference that an operator may forgive; RFC 9068 issuers and we both keep time.
pub const LEEWAY_MAX: Duration = Duration::from_mins(1);
/// Unknown tokens, and as many proofs of a key, that a worker verifies before its other requests have their turn: less than a
/// millisecond of ES256, and enough for the tables of a curve to stay in the caches.
pub const SIGNATURES_IN_A_ROW: usize = 16;
/// The shortest life of an assertion: clocks of two machines differ by some of it.
pub const ASSERTION_LIFETIME_MIN: Duration = Duration::from_secs(5);
/// The longest: it proves where a request came from, and is no session.
pub const ASSERTION_LIFETIME_MAX: Duration = Duration::from_mins(5);
/// How long an upstream may use a copy of our key set. A key is published for so long before it signs, and for at least so
/// long after.
pub const ASSERTION_KEYS_AGE: Duration = Duration::from_mins(5);
/// The shortest time that a key of ours signs: the next one is published for `ASSERTION_KEYS_AGE` of it.
pub const ASSERTION_ROTATE_MIN: Duration = Duration::from_mins(10);
/// The longest.
pub const ASSERTION_ROTATE_MAX: Duration = Duration::from_hours(30 * 24);
/// Assertions that one worker remembers, in bytes: three to four thousand of common length.
pub const ASSERTIONS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Idle connections kept to one server by one worker.
pub const UPSTREAM_IDLE_MAX: usize = 512;
/// Connections to one server, all workers together, unless told otherwise; one more request waits.
pub const UPSTREAM_CONNECTIONS_MAX: usize = 4096;
/// What an operator may raise an upstream's `connections` to: an address of ours has no more ports towards one of theirs.
pub const UPSTREAM_CONNECTIONS_MOST: usize = 65_535;
/// Requests that wait for a connection to an upstream, all workers together, unless told otherwise; one more is answered 503.
/// They hold some KiB each. Where connections are few `pending_timeout` comes before this; where they are many it is a quarter
/// of them, and so makes nobody wait longer than a request takes.
pub const UPSTREAM_PENDING_MAX: usize = 1024;
/// What an operator may raise `pending` to.
pub const UPSTREAM_PENDING_MOST: usize = 65_536;
/// Exchanges at a time on one HTTP/2 connection to an upstream, if the server allows as many.
pub const UPSTREAM_STREAMS_MAX: usize = 128;
/// HTTP/2 connections to one server by one worker, however many `connections` allows it: they carry 4096 exchanges.
pub const UPSTREAM_SESSIONS_MAX: usize = 32;
/// Those beside them that take no more requests and wait for their last answers.
pub const UPSTREAM_SESSIONS_LEAVING_MAX: usize = 64;
/// What an upstream may send of one HTTP/2 response before we have passed it on. The connection has room for all its
/// streams, so that clients who take nothing do not hold up the others: 16 MiB.
pub const UPSTREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// Exchanges that we break off on one HTTP/2 connection. Servers count them too (CVE-2023-44487) and end connections with
/// many: before that, new requests go to a new one.
pub const UPSTREAM_RESETS_MAX: usize = 100;
/// Addresses of one server's name that are used; the rest is ignored.
pub const UPSTREAM_ADDRESSES_MAX: usize = 64;
/// Of these, how many are tried for one connection. All but the last have an even part of `connect_timeout` each.
pub const UPSTREAM_ADDRESSES_TRIED: usize = 4;
/// The shortest time between two lookups of a name that an operator may ask for: each is a question to somebody.
pub const LOOKUP_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Between two lookups of a name of which no address is known.
pub const LOOKUP_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// A lookup that takes longer has failed.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// Lookups at a time; each takes a thread, and one that hangs takes it until the system gives up.
pub const LOOKUPS_MAX: usize = 16;
/// What a server's `weight` may be at most.
pub const UPSTREAM_WEIGHT_MAX: usize = 100;
/// What an operator may raise counts of failures and of checks to: beyond it, they mean never.
pub const UPSTREAM_FAILURES_MOST: usize = 1000;
/// A pause is at most so many times as long as the first.
pub const UPSTREAM_PAUSES_MAX: u32 = 6;
/// Between two requests that try a server after its pause, while none of them has an answer.
pub const UPSTREAM_TRY_INTERVAL: Duration = Duration::from_secs(1);
/// One retry for so many requests.
pub const UPSTREAM_RETRY_EVERY: u32 = 5;
/// Retries that are kept for a bad moment.
pub const UPSTREAM_RETRIES_KEPT: u32 = 10;
/// The head of an answer to a health check; its body is not read.
pub const HEALTH_HEAD_BYTES_MAX: usize = 16 * 1024;
/// A response head from an upstream.
pub const UPSTREAM_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Interim answers (1xx) of one exchange. Upstreams that send any send one or two; one that sends more than this is broken, as
/// for other proxies.
pub const INTERIMS_MAX: usize = 16;
/// The fields of all interim answers of one exchange, in bytes: what common clients take as a head.
pub const INTERIM_BYTES_MAX: usize = 16 * 1024;
/// What extensions of chunks may take of one body, in bytes, beyond the data that comes with them: they are read and dropped, and
/// nobody's body has any.
pub const EXTENSION_BYTES_MAX: u64 = 16 * 1024;
/// All trailers of one body, in bytes; in number they are bounded as fields are.
pub const TRAILER_BYTES_MAX: usize = 16 * 1024;
/// Access-log lines of one worker are handed to the writer at this size, in bytes: the larger the write, the larger the pieces in
/// which the file system takes it. Lines that are younger than a second may wait for it.
pub const LOG_BLOCK_BYTES: usize = 128 * 1024;
/// Blocks that may wait for the writer; further ones are dropped and counted.
pub const LOG_BLOCKS_MAX: usize = 64;
/// Bytes of the audit log that wait for the writer, all workers together; beyond it nothing is let in that had to be told of:
/// a minute of a busy gateway.
pub const AUDIT_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What is written of it at once: another process that shares the file waits for so long.
pub const AUDIT_WRITE_BYTES_MAX: usize = 1024 * 1024;
/// Where the last line of its file is looked for; lines are some hundred bytes.
pub const AUDIT_TAIL_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// A line that is longer is none of ours: a client's name may be as long as a token, and each octet of it six.
pub const AUDIT_LINE_BYTES_MAX: usize = 256 * 1024;
/// Lines behind the last signature that a verifier takes for not signed yet. The writer signs before half of them are there.
pub const AUDIT_UNSIGNED_MAX: u64 = 20_000;
/// The shortest time until it is put on the disk: less would be each line alone.
pub const AUDIT_SYNC_MIN: Duration = Duration::from_millis(10);
/// The longest.
pub const AUDIT_SYNC_MAX: Duration = Duration::from_mins(1);
/// What digests of customers' names are keyed with; less could be tried.
pub const AUDIT_SUBJECT_KEY_BYTES_MIN: usize = 16;
/// Spans of one worker are handed over at this count, or five times a second.
pub const TRACE_BATCH_SPANS: usize = 64;
/// Batches that wait for the collector; further ones are dropped and counted.
pub const TRACE_BATCHES_MAX: usize = 256;
/// Spans in one delivery: some 200 KiB.
pub const TRACE_DELIVERY_SPANS_MAX: usize = 512;
/// Tries of one delivery, the first among them, while the collector says later or nothing.
pub const TRACE_TRIES_MAX: u32 = 5;
/// The longest pause between two of them, whatever the collector asks for.
pub const TRACE_PAUSE_MAX: Duration = Duration::from_secs(30);
/// What a collector answers: a count and a sentence.
pub const TRACE_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// `tracestate`: what every participant must pass on (W3C Trace Context §3.3.1.5); a longer one is not passed on.
pub const TRACE_STATE_BYTES_MAX: usize = 512;
/// A `service_name`.
pub const TRACE_NAME_BYTES_MAX: usize = 255;
/// So long a successor waits for its issuers' keys, and then says whose are missing.
pub const TAKEOVER_KEYS_MAX: Duration = Duration::from_secs(45);
/// From the start of a successor until it could serve: it reads its files and fetches its issuers' keys meanwhile.
pub const TAKEOVER_PREPARE_MAX: Duration = Duration::from_mins(1);
/// From there until it serves: it reads the revocations, of which there may be a GiB. No operator is let in meanwhile.
pub const TAKEOVER_SERVE_MAX: Duration = Duration::from_secs(30);
/// The configuration file, in bytes.
pub const CONFIG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// An API's own document, in bytes; the UK's whole account information has half a megabyte.
pub const OPENAPI_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Operations of one document, those that an override leaves out included; the largest APIs in public have some two thousand.
pub const OPENAPI_OPERATIONS_MAX: usize = 10_000;
/// References of a document that follow one another; documents in use have one or two.
pub const OPENAPI_REFERENCES_MAX: usize = 8;
/// Ways of passing that one operation may offer, schemes of one way, and scopes of one scheme.
pub const OPENAPI_SECURITY_MAX: usize = 64;
/// APIs whose documents one configuration names.
pub const APIS_MAX: usize = 64;
/// Worker threads; more than any machine we know has CPUs.
pub const WORKERS_MAX: usize = 1024;
/// A PEM file: a chain of certificates, a key, or a set of roots.
pub const PEM_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The revocation lists of clients' authorities; large ones have some megabytes.
pub const CRL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Certificates of the public listener; each name that is chosen by needs one, and two where there are two kinds of keys.
pub const CERTIFICATES_MAX: usize = 64;
/// A header of the PROXY protocol, in bytes: addresses take 232 at most, the rest is what a balancer has to add.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 * 1024;
/// Proxies of ours one behind the other: what `Forwarded` says beyond is not believed.
pub const FORWARDED_HOPS_MAX: usize = 16;
/// Any timeout that an operator may set: at nothing, nothing would work.
pub const TIMEOUT_MIN: Duration = Duration::from_millis(1);
/// Any timeout or interval that an operator may set; beyond a day it is no bound any more.
pub const TIMEOUT_MAX: Duration = Duration::from_hours(24);
/// Audiences of one issuer: a verdict remembers which of them a token has in as many bits.
pub const AUDIENCES_MAX: usize = 64;
/// What an operator may raise `revocations.entries` to: 1 GiB.
pub const REVOCATIONS_MOST: usize = 10_000_000;
/// The longest `max_age` of a route: an authentication of last year is none.
pub const AGE_MAX: Duration = Duration::from_hours(366 * 24);
/// A field of a request that its refusal must repeat (an id, a code) may be so long; what is longer is not repeated.
pub const ECHOED_BYTES_MAX: usize = 64;
/// Header fields of a request that is to be explained: as many as browsers and proxies together never send.
pub const EXPLAINED_HEADERS_MAX: usize = 128;
/// Used DPoP proofs that a configuration may have remembered: 4 to 8 GB.
pub(super) const PROOFS_MOST: usize = 100_000_000;
