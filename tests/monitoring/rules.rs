//! Rules and alerts: valid, tested, and each with a page that says what to do.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tests::prometheus::{promtool, repository};

const RULES: [&str; 2] = [
    "deploy/prometheus/rules/recording.yml",
    "deploy/prometheus/rules/alerts.yml",
];
const TESTS: &str = "deploy/prometheus/tests/alerts.yml";

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The values of a key, in order.
fn values(text: &str, key: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            line.trim_start()
                .trim_start_matches("- ")
                .strip_prefix(key)?
                .strip_prefix(": ")
        })
        .map(str::to_owned)
        .collect()
}

/// Names that recording rules make.
pub(super) fn recorded() -> Vec<String> {
    values(&read(RULES[0]), "record")
}

/// Both files, which hold the expressions.
pub(super) fn texts() -> Vec<(String, String)> {
    RULES.map(|path| (path.to_owned(), read(path))).to_vec()
}

fn passes(arguments: &[&str]) {
    let output = promtool(arguments).unwrap();
    assert!(
        output.status.success(),
        "promtool {arguments:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn promtool_accepts_rules_and_configuration() {
    passes(&["check", "rules", RULES[0], RULES[1]]);
    // The key is in a file that only the container has.
    passes(&[
        "check",
        "config",
        "--syntax-only",
        "deploy/prometheus/prometheus.yml",
    ]);
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    passes(&["test", "rules", TESTS]);
    let tests = read(TESTS);
    for alert in values(&read(RULES[1]), "alert") {
        for case in ["fires", "does not fire"] {
            assert!(
                tests.contains(&format!("- name: {alert} {case}\n")),
                "{alert} {case}: no test"
            );
        }
    }
}

#[test]
fn every_alert_has_a_page_whose_requests_there_are() {
    let alerts = read(RULES[1]);
    let names = values(&alerts, "alert");
    let pages = values(&alerts, "runbook_url");
    assert_eq!(names.len(), pages.len());
    let list = read("docs/runbooks/README.md");
    let api: Value = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    let known: Vec<&String> = api["paths"].as_object().unwrap().keys().collect();
    for (name, page) in names.iter().zip(&pages) {
        assert_eq!(*page, format!("docs/runbooks/{name}.md"));
        assert!(
            list.contains(&format!("]({name}.md)")),
            "{name} is not in the list"
        );
        let text = read(page);
        for part in [
            "## What it means",
            "## How to look",
            "## What to do",
            "## The rule",
        ] {
            assert!(text.contains(part), "{page}: {part}");
        }
        assert!(text.contains("```sh\n"), "{page}: no command");
        for request in text.split("\"$LONGSHORE_URL/").skip(1) {
            let path = request.split(['"', '?', ' ']).next().unwrap_or_default();
            let path = format!(
                "/{}",
                path.replace("NAME", "{index}").replace("NUMBER", "{number}")
            );
            assert!(known.contains(&&path), "{page}: there is no {path}");
        }
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            assert!(
                repository().join("docs/runbooks").join(link).exists(),
                "{page}: {link}"
            );
        }
    }
    let files: BTreeSet<String> = fs::read_dir(repository().join("docs/runbooks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|file| file != "README.md")
        .collect();
    let expected: BTreeSet<String> = names.iter().map(|name| format!("{name}.md")).collect();
    assert_eq!(files, expected);
}
