//! The ledger on PostgreSQL: its contract, the model, many callers, restarts, refusals, plans. Each test has a server of
//! its own.

#[path = "postgres/agreement.rs"]
mod agreement;
#[path = "postgres/concurrency.rs"]
mod concurrency;
#[path = "postgres/desk.rs"]
mod desk;
#[path = "postgres/plans.rs"]
mod plans;
#[path = "postgres/refusals.rs"]
mod refusals;
#[path = "postgres/restarts.rs"]
mod restarts;
#[path = "postgres/speed.rs"]
mod speed;
