//! One file per subcommand, and the only place that wires parts together.

pub mod control;
pub mod gateway;
pub mod serve;
pub mod worker;
