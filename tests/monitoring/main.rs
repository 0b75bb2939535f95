//! What operators look at: the page of metrics, dashboards, rules, runbooks, and all of it against a real fleet.

mod boards;
mod fleet;
mod page;
mod rules;
