//! The ledger on PostgreSQL: its contract, the model, many callers, an index that goes, restarts, refusals, plans. Each
//! test has a server of its own.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod erasing;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod speed;
