//! Dashboards: each panel says what it shows, and only what there is.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tests::prometheus::repository;

use super::{page, rules};

/// Dashboards that there are to be.
const BOARDS: [&str; 3] = ["fleet", "pipeline", "dependencies"];

/// A query of a panel.
pub(super) struct Query {
    /// `dashboard: panel`.
    pub(super) place: String,
    /// As written.
    pub(super) expression: String,
}

impl Query {
    /// With the variables that Grafana replaces.
    pub(super) fn filled_in(&self) -> String {
        let text = self
            .expression
            .replace("$__rate_interval", "30s")
            .replace("$index", ".*");
        assert!(!text.contains('$'), "{}: unknown variable: {text}", self.place);
        text
    }
}

fn board(name: &str) -> (String, Value) {
    let text = fs::read_to_string(repository().join(format!("deploy/grafana/{name}.json"))).unwrap();
    let parsed = serde_json::from_str(&text).unwrap();
    (text, parsed)
}

fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    let panels = board["panels"].as_array().into_iter().flatten();
    panels.filter(|panel| panel["type"] != "row")
}

/// Every query of every dashboard.
pub(super) fn queries() -> Vec<Query> {
    let mut all = Vec::new();
    for name in BOARDS {
        let (_, board) = board(name);
        for panel in panels(&board) {
            for target in panel["targets"].as_array().into_iter().flatten() {
                all.push(Query {
                    place: format!("{name}: {}", panel["title"].as_str().unwrap_or_default()),
                    expression: target["expr"].as_str().unwrap_or_default().to_owned(),
                });
            }
        }
    }
    all
}

/// The names of metrics and recorded series in an expression.
pub(super) fn names_in(expression: &str) -> BTreeSet<String> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(|word| word.starts_with("longshore_") || word.starts_with("longshore:"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_panel_says_what_it_shows() {
    for name in BOARDS {
        let (text, board) = board(name);
        let formatted = format!("{}\n", serde_json::to_string_pretty(&board).unwrap());
        assert_eq!(
            text, formatted,
            "{name}.json: format it with two spaces and sorted keys"
        );
        assert_eq!(board["uid"], format!("longshore-{name}"));
        let mut titles = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in panels(&board) {
            let title = panel["title"].as_str().unwrap_or_default();
            let place = format!("{name}: {title}");
            assert!(
                !title.is_empty()
                    && panel["description"]
                        .as_str()
                        .is_some_and(|text| text.ends_with('.')),
                "{place}"
            );
            titles.insert(title);
            assert!(ids.insert(panel["id"].as_u64()), "{place}: id");
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert!(
                unit.as_str().is_some_and(|unit| !unit.is_empty()),
                "{place}: unit"
            );
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{place}");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{place}");
            for target in targets {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{place}");
                assert!(!target["expr"].as_str().unwrap_or_default().is_empty(), "{place}");
            }
            let position = &panel["gridPos"];
            let (x, w) = (position["x"].as_u64().unwrap(), position["w"].as_u64().unwrap());
            assert!(x + w <= 24, "{place} is too far to the right");
        }
        for (n, one) in panels(&board).enumerate() {
            for other in panels(&board).skip(n + 1) {
                assert!(
                    !overlap(&one["gridPos"], &other["gridPos"]),
                    "{name}: {} lies on {}",
                    one["title"],
                    other["title"]
                );
            }
        }
        let variables = board["templating"]["list"].as_array().unwrap();
        assert!(
            variables.iter().any(|variable| variable["type"] == "datasource"),
            "{name}"
        );
    }
}

fn overlap(one: &Value, other: &Value) -> bool {
    let number = |position: &Value, of: &str| position[of].as_u64().unwrap();
    let meet = |from: &str, size: &str| {
        number(one, from) < number(other, from) + number(other, size)
            && number(other, from) < number(one, from) + number(one, size)
    };
    meet("x", "w") && meet("y", "h")
}

#[test]
fn dashboards_and_rules_name_only_what_there_is() {
    let known = page::series_names();
    let recorded: BTreeSet<String> = rules::recorded().into_iter().collect();
    let shown = queries().into_iter().map(|query| (query.place, query.expression));
    let mut used = BTreeSet::new();
    for (place, expression) in shown.chain(rules::texts()) {
        for name in names_in(&expression) {
            assert!(
                known.contains(&name) || recorded.contains(&name),
                "{place}: there is no {name}"
            );
            used.insert(name);
        }
    }
    assert!(used.len() > 60, "hardly anything is shown: {used:?}");
}
