//! A real Prometheus scrapes a real fleet: every panel has data, every rule can be evaluated.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::embedding_server::faults::Fault;
use tests::fleet::{ADMIN_KEY, Fleet, INDEX, text};
use tests::prometheus::{Prometheus, repository};
use tests::random::seed;
use tests::wait;

use super::boards;

/// Longest wait for every panel to have data.
const PATIENCE: Duration = Duration::from_secs(120);

fn configuration(fleet: &mut Fleet) -> anyhow::Result<String> {
    let address = |url: String| url.trim_start_matches("http://").to_owned();
    let control = address(fleet.control[0].url()?);
    let processor = address(fleet.processors[0].url()?);
    let rules = repository().canonicalize()?.join("deploy/prometheus/rules");
    Ok(format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}/*.yml']\n\
         scrape_configs:\n\
         - job_name: control-plane\n  \
           authorization: {{credentials: {ADMIN_KEY}}}\n  \
           static_configs: [{{targets: ['{control}']}}]\n\
         - job_name: index-processor\n  \
           static_configs: [{{targets: ['{processor}']}}]\n",
        rules.display()
    ))
}

/// A bit of everything: files of several types, one that fails, a removal, a throttle, an event that cannot be read, searches.
fn work(fleet: &mut Fleet, round: usize) -> anyhow::Result<()> {
    let (page, html) = (format!("docs/page-{round}.md"), format!("docs/page-{round}.html"));
    let cursed = format!("docs/cursed-{round}.md");
    fleet.model.set(|faults| {
        faults.refuse_marker = Some("KLABAUTERMANN".to_owned());
        faults.next.push_back(Fault::Throttle {
            retry_after: Some(0.01),
        });
    });
    fleet.write(&page, &text(&page, round))?;
    fleet.write(
        &html,
        &format!("<html><body><h1>Quay {round}</h1><p>Cranes of quay {round}.</p></body></html>"),
    )?;
    fleet.write(
        &cursed,
        &format!("# Cursed\n\nKLABAUTERMANN {round} sails here.\n"),
    )?;
    let mut events = Vec::new();
    for path in [&page, &html, &cursed] {
        events.push(fleet.event("BlobCreated", path));
    }
    if round > 1 {
        let old = format!("docs/page-{}.md", round - 1);
        fleet.remove(&old)?;
        events.push(fleet.event("BlobDeleted", &old));
    }
    fleet.report(&events)?;
    let unreadable = fleet.send(
        Method::POST,
        "/events/azure",
        "application/json",
        "not JSON".to_owned(),
    )?;
    ensure!(unreadable.0 == 400, "{unreadable:?}");
    fleet.get(&format!("/indexes/{INDEX}/search?q=quay%20{round}"))?;
    wait::until("the round to be done", || {
        let index = fleet.get(&format!("/indexes/{INDEX}"))?;
        let failed = index["stats"]["by_state"]["FAILED"].as_u64().unwrap_or(0);
        Ok((index["stats"]["backlog"] == 0 && failed >= round as u64).then_some(()))
    })
}

#[test]
fn a_real_prometheus_has_data_for_every_panel_and_every_rule() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_processor()?;
    let settings = json!({"budget": {"tokens_per_day": 1_000_000, "price_per_million_tokens": 0.02}});
    let (status, answer) = fleet.send(
        Method::PATCH,
        &format!("/indexes/{INDEX}"),
        "application/merge-patch+json",
        settings.to_string(),
    )?;
    ensure!(status == 200, "{answer}");
    let prometheus = Prometheus::start(&configuration(&mut fleet)?)?;

    let mut missing = boards::queries();
    let shown = missing.len();
    ensure!(shown > 80, "there are only {shown} queries");
    let began = Instant::now();
    for round in 1.. {
        work(&mut fleet, round)?;
        let mut still = Vec::new();
        for query in missing {
            if prometheus
                .numbers(&query.filled_in())
                .with_context(|| query.place.clone())?
                == 0
            {
                still.push(query);
            }
        }
        missing = still;
        if missing.is_empty() {
            break;
        }
        let left: Vec<String> = missing
            .iter()
            .map(|query| format!("{}: {}", query.place, query.filled_in()))
            .collect();
        ensure!(
            began.elapsed() < PATIENCE,
            "no data for:\n{}\n{}",
            left.join("\n"),
            fleet.logs()
        );
    }

    let rules = wait::until("every rule to be evaluated", || {
        let groups = prometheus.api("rules", &[])?;
        let groups = groups["groups"].as_array().context("no groups")?;
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let rules: Vec<Value> = rules.cloned().collect();
        Ok(rules
            .iter()
            .all(|rule| rule["health"] != "unknown")
            .then_some(rules))
    })?;
    ensure!(rules.len() > 25, "{} rules", rules.len());
    for rule in &rules {
        ensure!(rule["health"] == "ok", "{rule}");
        let expression = rule["query"].as_str().context("no expression")?;
        let found = prometheus.numbers(expression).with_context(|| rule.to_string())?;
        // What is recorded is there; the fleet is well, so that nothing critical may be.
        ensure!(rule["type"] != "recording" || found > 0, "no data: {rule}");
        ensure!(
            rule["labels"]["severity"] != "critical" || found == 0,
            "it would fire: {rule}"
        );
    }

    // What nobody reaches is noticed.
    let gone = fleet.control.remove(0);
    gone.kill()?;
    let alert = rules
        .iter()
        .find(|rule| rule["name"] == "LongshoreControlPlaneDown")
        .and_then(|rule| rule["query"].as_str())
        .context("no such alert")?;
    wait::until("the alert to be due", || {
        Ok((prometheus.numbers(alert)? == 1).then_some(()))
    })
}
