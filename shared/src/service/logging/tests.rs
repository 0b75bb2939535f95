use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

use super::filter::LONGEST_LOG_FILTER;
use super::follow::LOGGING_EVERY;
use super::*;
use crate::clock::ManualClock;
use crate::ledger::Logging;
use crate::ledger::model::ModelLedger;
use crate::shutdown::Tasks;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn json(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// What is written while `work` runs.
fn written(filter: &str, format: LogFormat, work: impl FnOnce(&LogControl)) -> Paper {
    let paper = Paper::default();
    let writer = paper.clone();
    let (lines, control) = layer(filter.parse().unwrap(), format, move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(lines);
    tracing::subscriber::with_default(subscriber, || work(&control));
    paper
}

#[test]
fn a_line_has_the_ids_of_all_the_spans_around_it() {
    let paper = written("info", LogFormat::Json, |_| {
        let file = tracing::info_span!(
            "file",
            file.id = "f1",
            index.id = "docs",
            step = tracing::field::Empty
        );
        file.record("step", "convert");
        let _in_file = file.enter();
        let inner = tracing::info_span!("page", page = 3, step = "ocr");
        let _in_page = inner.enter();
        tracing::warn!(error = "no text", level = "taken", "page {} cannot be read", 3);
    });
    let lines = paper.json();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    let expected = json!({
        "timestamp": line["timestamp"], "level": "WARN", "target": "shared::service::logging::tests",
        "message": "page 3 cannot be read", "error": "no text", "page": 3, "step": "ocr",
        "file.id": "f1", "index.id": "docs",
    });
    assert_eq!(*line, expected);
    assert!(paper.text().starts_with("{\"timestamp\":\"2"), "{}", paper.text());
}

#[test]
fn a_line_for_people_is_one_line_with_short_ids() {
    let id = "0198c0de-1111-7222-8333-444455556666";
    let paper = written("info", LogFormat::Text, |_| {
        let span = tracing::info_span!("file", file.id = %id, request.id = "abc", index.id = "docs");
        span.in_scope(|| tracing::info!(attempts = 2, "a\nb \u{1b}[31m{}", "c"));
    });
    let text = paper.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    let (_, rest) = text.split_once("  INFO ").unwrap();
    let expected = "shared::service::logging::tests: a\\nb \\u{1b}[31mc attempts=2 file.id=55556666 request.id=abc index.id=docs\n";
    assert_eq!(rest, expected);
}

#[test]
fn filters_go_by_the_longest_name_and_never_below_info_for_others() {
    let level = |filter: &str, place: &str| {
        let paper = written(filter, LogFormat::Json, |_| {
            macro_rules! say {
                ($($target:literal)*) => {$(
                    if place == $target {
                        tracing::error!(target: $target, "error");
                        tracing::warn!(target: $target, "warn");
                        tracing::info!(target: $target, "info");
                        tracing::debug!(target: $target, "debug");
                        tracing::trace!(target: $target, "trace");
                    }
                )*};
            }
            say!("control_plane" "control_plane::http" "control_planet" "shared::retry" "hyper::client" "lapin");
        });
        let last = paper.json().pop();
        last.map_or("off".to_owned(), |line| {
            line["message"].as_str().unwrap().to_owned()
        })
    };
    let cases = [
        ("warn", "control_plane", "warn"),
        ("WARN", "lapin", "warn"),
        ("trace", "control_plane", "trace"),
        ("trace", "hyper::client", "info"),
        ("hyper=trace", "hyper::client", "info"),
        ("hyper=trace", "control_plane", "off"),
        ("debug,hyper=off", "hyper::client", "off"),
        (
            "info,control_plane=warn,control_plane::http=debug",
            "control_plane::http",
            "debug",
        ),
        (
            "info,control_plane=warn,control_plane::http=debug",
            "control_plane",
            "warn",
        ),
        ("debug", "control_planet", "info"),
        ("off", "shared::retry", "off"),
    ];
    for (filter, place, expected) in cases {
        assert_eq!(level(filter, place), expected, "{filter} {place}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    for text in [
        "",
        " , ",
        "loud",
        "control_plane",
        "control_plane=loud",
        "=info",
        "[request]=debug",
        "a b=info",
    ] {
        assert!(text.parse::<LogFilter>().is_err(), "{text}");
    }
    let refused = LogFilter::for_every_process("info,lapin=debug")
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("\"lapin\"") && refused.contains("keys"),
        "{refused}"
    );
    assert!(LogFilter::for_every_process("trace,hyper=info,shared::queue=trace").is_ok());
    let long = format!("info,{}=debug", "shared".repeat(LONGEST_LOG_FILTER));
    assert!(LogFilter::for_every_process(&long).is_err());
}

#[test]
fn lines_of_work_that_began_under_another_filter_have_its_ids() {
    let paper = written("off", LogFormat::Json, |control| {
        let span = tracing::info_span!("file", file.id = "f1");
        span.in_scope(|| tracing::error!("before"));
        control.go_by(Some(&"debug".parse().unwrap()));
        span.in_scope(|| tracing::debug!("meanwhile"));
        control.go_by(None);
        span.in_scope(|| tracing::error!("after"));
    });
    let lines = paper.json();
    let texts: Vec<_> = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        ["logging goes by the filter \"debug\" for a while", "meanwhile"]
    );
    assert_eq!(lines[1]["file.id"], "f1");
}

#[tokio::test(start_paused = true)]
async fn the_filter_follows_the_ledger() {
    let clock = Arc::new(ManualClock::at(1_000));
    let ledger = Arc::new(ModelLedger::new(Arc::clone(&clock) as _));
    let (_lines, control) =
        layer::<tracing_subscriber::Registry, _>("warn".parse().unwrap(), LogFormat::Text, std::io::sink);
    let control: &'static LogControl = Box::leak(Box::new(control));
    let now = || control.now.lock().unwrap().text().to_owned();
    let tasks = Tasks::new();
    let followed = Arc::clone(&ledger) as Arc<dyn Logging>;
    tasks.spawn(follow::follow_with(control, followed, tasks.stopping()));
    let a_while = || tokio::time::sleep(2 * LOGGING_EVERY);
    a_while().await;
    assert_eq!(now(), "warn");
    let minute = Duration::from_secs(60);
    ledger.set_logging("debug", minute, "somebody").await.unwrap();
    a_while().await;
    assert_eq!(now(), "debug");
    ledger.reset_logging().await.unwrap();
    a_while().await;
    assert_eq!(now(), "warn");
    assert!(tasks.drain(minute).await);
}
