//! The commands. Those that look at an index talk to a running `longshore up`, or open the data folder when none runs.

pub(crate) mod approve;
pub(crate) mod convert;
pub(crate) mod files;
pub(crate) mod mcp;
pub(crate) mod retry;
pub(crate) mod search;
pub(crate) mod status;
