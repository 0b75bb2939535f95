//! The ledger on PostgreSQL: its contract, the model, many callers, an index that goes, restarts, refusals, plans. Each
//! test has a server of its own.

#[cfg(test)]
#[path = "postgres/agreement.rs"]
mod agreement;
#[cfg(test)]
#[path = "postgres/concurrency.rs"]
mod concurrency;
#[cfg(test)]
#[path = "postgres/desk.rs"]
mod desk;
#[cfg(test)]
#[path = "postgres/erasing.rs"]
mod erasing;
#[cfg(test)]
#[path = "postgres/plans.rs"]
mod plans;
#[cfg(test)]
#[path = "postgres/refusals.rs"]
mod refusals;
#[cfg(test)]
#[path = "postgres/restarts.rs"]
mod restarts;
#[cfg(test)]
#[path = "postgres/speed.rs"]
mod speed;
