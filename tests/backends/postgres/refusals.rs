//! What cannot be used is named with what to do, and never with the password.

use std::time::Duration;

use futures::future::join_all;
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::ledger::{Ledger, LedgerError};
use tests::postgres::{PASSWORD, Postgres};

use super::desk;

async fn refused(settings: &PostgresSettings, remedy: &str) -> LedgerError {
    let Err(error) = PostgresLedger::connect(settings).await else {
        panic!("connected; expected: {remedy}")
    };
    let text = format!("{error} {error:?}");
    assert!(text.contains(remedy), "{text}; expected: {remedy}");
    for secret in [PASSWORD, "p%40ss", "hunter2"] {
        assert!(!text.contains(secret), "{text}");
    }
    error
}

#[tokio::test]
async fn what_cannot_be_used_is_named_with_its_remedy() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("ledger").unwrap();

    let wrong = postgres.url_as("longshore", "hunter2", "ledger");
    refused(&desk::settings(&wrong), "user or password is wrong").await;
    refused(
        &desk::settings(&postgres.url("missing")),
        "create it (CREATE DATABASE",
    )
    .await;
    let other = postgres.url_as("nobody", "hunter2", "ledger");
    refused(&desk::settings(&other), "user or password is wrong").await;
    let tls = url.replace("sslmode=disable", "sslmode=require");
    refused(&desk::settings(&tls), "TLS failed").await;
    refused(
        &desk::settings("postgres://longshore:hunter2@host.invalid/ledger"),
        "cannot be reached",
    )
    .await;

    postgres
        .sql("postgres", "CREATE USER reader PASSWORD 'hunter2'")
        .unwrap();
    let reader = postgres.url_as("reader", "hunter2", "ledger");
    refused(&desk::settings(&reader), "the user lacks a right").await;

    postgres
        .sql(
            "ledger",
            "CREATE SCHEMA taken; CREATE TABLE taken.files (song TEXT)",
        )
        .unwrap();
    let mut taken = desk::settings(&url);
    taken.schema = Some("taken".to_owned());
    refused(&taken, "tables of another program").await;
    assert_eq!(
        postgres
            .sql("ledger", "SELECT to_regclass('taken.indexes') IS NULL")
            .unwrap(),
        "t",
        "it was left as it is"
    );

    // A user who may only read and write the tables is enough once they are there.
    drop(PostgresLedger::connect(&desk::settings(&url)).await.unwrap());
    postgres
        .sql(
            "ledger",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader",
        )
        .unwrap();
    let ledger = PostgresLedger::connect(&desk::settings(&reader)).await.unwrap();
    ledger
        .ensure_index(&desk::docs(), &serde_json::json!({}))
        .await
        .unwrap();
    ledger.enqueue(&desk::docs(), &[desk::change(1)]).await.unwrap();

    postgres
        .sql("ledger", "INSERT INTO schema_version VALUES (99)")
        .unwrap();
    let newer = refused(&desk::settings(&url), "start a newer build").await;
    assert!(matches!(newer, LedgerError::NewerSchema { found: 99, .. }));

    let mut impatient = desk::settings(&url);
    impatient.connect_timeout = Duration::from_secs(1);
    postgres.stop().unwrap();
    refused(&impatient, "cannot be reached: check that it runs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_may_start_at_the_same_time() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("ledger").unwrap();
    let mut settings = desk::settings(&url);
    settings.schema = Some("Long \"shore\"".to_owned());
    let replicas = join_all((0..8).map(|_| PostgresLedger::connect(&settings))).await;
    for replica in replicas {
        let ledger = replica.unwrap();
        ledger
            .ensure_index(&desk::docs(), &serde_json::json!({}))
            .await
            .unwrap();
    }
    let versions = "SELECT COUNT(*) FROM \"Long \"\"shore\"\"\".schema_version";
    assert_eq!(postgres.sql("ledger", versions).unwrap(), "12");
    let elsewhere = "SELECT to_regclass('public.files') IS NULL";
    assert_eq!(postgres.sql("ledger", elsewhere).unwrap(), "t");
}

/// A row that is held for long fails the call that wants it, in time and with a reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_a_lock_ends() {
    let (postgres, ledger) = desk::start().await;
    ledger.enqueue(&desk::docs(), &[desk::change(1)]).await.unwrap();
    let mut impatient = desk::settings(&postgres.url("ledger"));
    impatient.statement_timeout = Duration::from_millis(200);
    impatient.pool_size = 1;
    let impatient = PostgresLedger::connect(&impatient).await.unwrap();
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let hold = "BEGIN; UPDATE files SET updated_at = updated_at; SELECT pg_sleep(2); COMMIT";
            postgres.sql("ledger", hold).unwrap()
        });
        tests::wait::until("the row to be held", || {
            let held = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            Ok((postgres.sql("postgres", held)? == "1").then_some(()))
        })
        .unwrap();
        let call = async {
            let error = impatient.claim(&desk::request(1)).await.unwrap_err();
            assert!(error.to_string().contains("took too long"), "{error}");
            // Its one connection is fit for the next call.
            impatient.indexes().await.unwrap();
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(call));
        holder.join()
    })
    .unwrap();
    assert!(desk::claimed(impatient.claim(&desk::request(1)).await.unwrap()).is_some());
}
