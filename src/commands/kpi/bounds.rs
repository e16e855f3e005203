//! The bounds of what is read and held, and the numbers of the rules.

/// Days of one report: a quarter has 92, a year fits.
pub(super) const DAYS_MAX: usize = 400;
/// Bytes of one line of a log. Ours stay below it: heads are bounded, and so is what of them a line repeats.
pub(super) const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of a file about interfaces for customers.
pub(super) const PSU_BYTES_MAX: u64 = 1024 * 1024;
/// Such interfaces: mobile, browser, some brands.
pub(super) const INTERFACES_MAX: usize = 16;
/// Methods of routes that a day counts one by one; what is beyond them, of a log that is not ours, is counted together.
pub(super) const ENDPOINTS_MAX: usize = 10_000;
/// Lines are written when requests end, and those of the last minutes are held until no earlier one can come: longer than an
/// exchange lasts by default.
pub(super) const WINDOW_MS: u64 = 10 * 60 * 1000;
/// What comes so long after the period does not matter to it.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Requests held at a time, 8 bytes each: 10 minutes of 25,000 a second.
pub(super) const HELD_MAX: usize = 16 * 1024 * 1024;

/// Requests in a row that must go without a reply (EBA GL 2018/07, 2.4 c).
pub(super) const IN_A_ROW: usize = 5;
/// What comes later is no reply.
pub(super) const REPLY_US_MAX: u64 = 30_000_000;
