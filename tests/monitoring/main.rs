//! What operators look at: the page of metrics, dashboards, rules, runbooks, and all of it against a real fleet.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails a test")]

mod boards;
mod fleet;
mod page;
mod rules;
