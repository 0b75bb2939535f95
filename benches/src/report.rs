//! Medians, side by side, as Markdown tables and as JSON.

use crate::passes::{Outcome, Pass, Sample};
use crate::tools::Tools;

/// What a table is about.
struct Metric {
    title: &'static str,
    value: fn(&Sample) -> f64,
    decimals: usize,
    /// Is "the peer's divided by ours" a number that means something?
    has_ratio: bool,
}

const METRICS: [Metric; 4] = [
    Metric {
        title: "Seconds",
        value: |sample| sample.seconds,
        decimals: 2,
        has_ratio: true,
    },
    Metric {
        title: "CPU seconds",
        value: |sample| sample.usage.cpu_s,
        decimals: 2,
        has_ratio: true,
    },
    Metric {
        title: "Peak memory, MiB",
        value: |sample| sample.usage.peak_rss_mib,
        decimals: 0,
        has_ratio: true,
    },
    Metric {
        title: "Texts embedded (after SIGKILL: a second time)",
        value: |sample| sample.texts as f64,
        decimals: 0,
        has_ratio: false,
    },
];

/// Prints the tables and leaves them, with everything that was measured, in the cache folder.
pub(crate) fn write(tools: &Tools, name: &str, outcome: &Outcome) -> anyhow::Result<()> {
    let tables = tables(outcome);
    println!("\n{tables}");
    let file = |extension: &str| tools.cache.join(format!("results-{name}.{extension}"));
    std::fs::write(file("json"), serde_json::to_vec_pretty(outcome)?)?;
    std::fs::write(file("md"), tables)?;
    println!("written to {} and .md", file("json").display());
    Ok(())
}

fn tables(outcome: &Outcome) -> String {
    let rounds = outcome
        .samples
        .iter()
        .map(|sample| sample.round)
        .max()
        .unwrap_or(0);
    let machine = &outcome.machine;
    let mut out = format!(
        "Corpus {}: {} files, {:.1} MB. {} cores, {:.0} GiB, load {:.1} at the start. \
         Medians of {rounds} rounds; in brackets: divided by Longshore's.\n",
        outcome.corpus,
        outcome.files,
        outcome.bytes as f64 / 1e6,
        machine.cores,
        machine.memory_gib,
        machine.load_before,
    );
    for metric in &METRICS {
        table(&mut out, outcome, metric);
    }
    out.push_str("\nWhat the indexes hold after the last pass of each row:\n");
    for sample in outcome.samples.iter().filter(|sample| sample.round == rounds) {
        if let Some(content) = &sample.content {
            out.push_str(&format!(
                "- {}, {}: {} chunks of {} files\n",
                sample.system,
                sample.pass.title(),
                content.chunks,
                content.files
            ));
        }
    }
    out
}

fn table(out: &mut String, outcome: &Outcome, metric: &Metric) {
    out.push_str(&format!("\n| {} |", metric.title));
    for system in &outcome.systems {
        out.push_str(&format!(" {system} |"));
    }
    out.push_str(&format!("\n|---|{}\n", "---:|".repeat(outcome.systems.len())));
    for pass in Pass::ALL {
        out.push_str(&format!("| {} |", pass.title()));
        let ours = median(outcome, outcome.systems[0], pass, metric.value);
        for (column, system) in outcome.systems.iter().enumerate() {
            let value = median(outcome, system, pass, metric.value);
            out.push_str(&cell(
                value,
                ours.filter(|_| metric.has_ratio && column > 0),
                metric.decimals,
            ));
        }
        out.push('\n');
    }
}

/// A value, and how many times the other one it is.
fn cell(value: Option<f64>, other: Option<f64>, decimals: usize) -> String {
    match (value, other) {
        (None, _) => String::from(" – |"),
        (Some(value), Some(other)) if other > 0.0 => {
            format!(" {value:.decimals$} ({:.1}) |", value / other)
        }
        (Some(value), _) => format!(" {value:.decimals$} |"),
    }
}

fn median(outcome: &Outcome, system: &str, pass: Pass, value: fn(&Sample) -> f64) -> Option<f64> {
    let of_both = |sample: &&Sample| sample.system == system && sample.pass == pass;
    let mut values: Vec<f64> = outcome.samples.iter().filter(of_both).map(value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    Some((values[middle] + values[values.len() / 2]) / 2.0)
}
