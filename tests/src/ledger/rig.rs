//! A ledger on PostgreSQL whose time can be set.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use shared::ledger::ControlLedger;
use shared::ledger::conformance::Fixture;
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::secret::Secret;
use tokio_postgres::{Client, NoTls};

use super::against_model;
use crate::postgres::Postgres;
use crate::upgrade::TABLES;

/// A ledger whose clock stands still until it is advanced.
pub struct Rig {
    ledger: Arc<PostgresLedger>,
    side: Arc<Client>,
    _driver: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Rig {
    /// In a database of its own, `ledger`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn on(postgres: &Postgres) -> anyhow::Result<Self> {
        let url = postgres.database("ledger")?;
        let ledger = PostgresLedger::connect(&PostgresSettings::new(Secret::new(&url))).await?;
        let (side, driver) = tokio_postgres::connect(&url, NoTls).await?;
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        let driver = tokio::spawn(driver);
        side.batch_execute(
            "CREATE TABLE clock (millis BIGINT NOT NULL);
             INSERT INTO clock VALUES (0);
             CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE plpgsql STABLE AS
                'BEGIN RETURN (SELECT millis FROM clock); END'",
        )
        .await?;
        Ok(Self {
            ledger,
            side: Arc::new(side),
            _driver: driver,
        })
    }

    /// Everything anew.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn fixture(&self) -> Fixture {
        let (tables, start) = (TABLES.join(", "), against_model::START);
        let anew = format!("TRUNCATE {tables} CASCADE; UPDATE clock SET millis = {start}");
        self.side
            .batch_execute(&anew)
            .await
            .expect("the tables can be emptied");
        let side = Arc::clone(&self.side);
        let advance = move |by: Duration| -> BoxFuture<'static, ()> {
            let (side, by) = (
                Arc::clone(&side),
                i64::try_from(by.as_millis()).unwrap_or(i64::MAX),
            );
            Box::pin(async move {
                let later = "UPDATE clock SET millis = millis + $1";
                side.execute(later, &[&by])
                    .await
                    .expect("the clock can be advanced");
            })
        };
        Fixture {
            ledger: Arc::clone(&self.ledger) as Arc<dyn ControlLedger>,
            advance: Box::new(advance),
        }
    }
}
