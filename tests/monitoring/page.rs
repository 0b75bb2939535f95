//! `docs/metrics.md` is what the code declares.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use prometheus::Registry;
use shared::circuit::metrics::DependencyMetrics;
use shared::declare::{Declare, Declared};
use shared::trace::metrics::TraceMetrics;
use tests::prometheus::repository;

const PAGE: &str = "docs/metrics.md";

/// Names that users know, and what they are here.
const SEED_NAMES: [(&str, &str); 7] = [
    ("fileMarkdownTime", "longshore_file_markdown_seconds"),
    ("embeddingTime", "longshore_embedding_seconds"),
    ("fileIndexingTime", "longshore_file_indexing_seconds"),
    ("fileDeletionTime", "longshore_file_deletion_seconds"),
    ("chunksUpsertTime", "longshore_chunks_upsert_seconds"),
    ("chunksDeleteTime", "longshore_chunks_delete_seconds"),
    ("vectorQueryRUs", "longshore_vector_query_seconds"),
];

fn declared_by(declare: impl FnOnce(&Declare<'_>)) -> Vec<Declared> {
    let registry = Registry::new();
    let list = Declare::new(&registry);
    declare(&list);
    list.into_declared()
}

/// Every metric, by who has it.
fn declared() -> [(&'static str, Vec<Declared>); 3] {
    [
        (
            "control-plane",
            declared_by(|list| drop(control_plane::metrics::Metrics::declare(list).unwrap())),
        ),
        (
            "index-processor",
            declared_by(|list| drop(index_processor::metrics::Metrics::declare(list).unwrap())),
        ),
        (
            "both",
            declared_by(|list| {
                drop(DependencyMetrics::declare(list).unwrap());
                drop(TraceMetrics::declare(list).unwrap());
            }),
        ),
    ]
}

/// Names as Prometheus stores them.
pub(super) fn series_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for metric in declared().into_iter().flat_map(|(_, metrics)| metrics) {
        if metric.kind == "histogram" {
            for part in ["bucket", "sum", "count"] {
                names.insert(format!("{}_{part}", metric.name));
            }
        } else {
            names.insert(metric.name);
        }
    }
    names
}

/// The last word before `_total` says what is counted.
fn unit(metric: &Declared) -> &'static str {
    let name = metric.name.strip_suffix("_total").unwrap_or(&metric.name);
    match name.rsplit('_').next().unwrap_or_default() {
        "seconds" => "seconds",
        "tokens" => "tokens",
        "ratio" => "share, 0 to 1",
        "cost" => "currency of the index's price",
        _ if name == "longshore_bytes_read" => "bytes",
        _ => "count",
    }
}

fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         <!-- Made from the declarations in control-plane/src/metrics.rs, index-processor/src/metrics.rs and\n     \
         shared/src/circuit/metrics.rs and shared/src/trace/metrics.rs; LONGSHORE_BLESS=1 with the test `monitoring` writes it anew. -->\n\n\
         `GET /metrics` of a control plane (port 7700, with a key that sees every index) and of an index processor (port 7701) answers them in\n\
         the text format of Prometheus; `longshore up` has all of them. Units are base units. A label whose values are listed has no others, and\n\
         its series are there from the start; `index` is as many as there are indexes, `dependency` as many as the settings name, `code` at most\n\
         a hundred and `other`. The text format has no place for exemplars: a slow file is found by its history, which\n\
         has the time of each step, and by its [trace](tracing.md).\n\n\
         Gauges of files, backlog, runs, approvals and budgets are read from the ledger when somebody asks. A reading stands for twenty times as\n\
         long as it took, so that scraping takes at most a twentieth of one connection, also with a million files. Every control plane\n\
         shows the same ones: take the `max`, not the `sum`, over replicas.\n\n\
         ## Names from before\n\n\
         | known as | here |\n|---|---|\n",
    );
    for (known, here) in SEED_NAMES {
        let note = if known == "vectorQueryRUs" {
            " (time: Qdrant has no request units)"
        } else {
            ""
        };
        writeln!(page, "| `{known}` | `{here}`{note} |").unwrap();
    }
    for (who, metrics) in declared() {
        let title = match who {
            "both" => "Both: what a process depends on, and traces",
            "control-plane" => "Control plane",
            _ => "Index processor",
        };
        write!(
            page,
            "\n## {title}\n\n| name | type | unit | labels | what |\n|---|---|---|---|---|\n"
        )
        .unwrap();
        for metric in metrics {
            let labels: Vec<String> = metric
                .labels
                .iter()
                .map(|(label, values)| match values.as_slice() {
                    [] => format!("`{label}`"),
                    values => format!("`{label}`: {}", values.join(", ")),
                })
                .collect();
            writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                metric.name,
                metric.kind,
                unit(&metric),
                labels.join("; "),
                metric.help
            )
            .unwrap();
        }
    }
    page
}

#[test]
fn the_page_says_what_the_code_declares() {
    let path = repository().join(PAGE);
    let made = page();
    if std::env::var_os("LONGSHORE_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        made,
        "{PAGE} is not what the code declares; run this test with LONGSHORE_BLESS=1"
    );
}

#[test]
fn names_follow_the_conventions() {
    let known = series_names();
    for (_, here) in SEED_NAMES {
        assert!(known.contains(&format!("{here}_count")), "{here}");
    }
    let all: Vec<Declared> = declared().into_iter().flat_map(|(_, metrics)| metrics).collect();
    let names: BTreeSet<&str> = all.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(
        names.len(),
        all.len(),
        "`longshore up` has all of them in one registry"
    );
    for metric in &all {
        let name = &metric.name;
        assert!(name.starts_with("longshore_"), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == "counter", "{name}");
        assert!(
            metric.kind != "histogram" || name.ends_with("_seconds"),
            "{name} has no base unit"
        );
        assert!(
            !metric.help.is_empty() && !metric.help.ends_with('.') && !metric.help.contains('|'),
            "{name}: {:?}",
            metric.help
        );
        for (label, values) in &metric.labels {
            let open = ["index", "dependency", "code", "type", "tool", "operation"];
            assert!(
                !values.is_empty() || open.contains(&label.as_str()),
                "{name}: how many values can {label} have?"
            );
        }
    }
}
