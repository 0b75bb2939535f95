//! `longshore convert FILE…`: what a file becomes, by which converter, and why. Needs no index.

mod files;
mod report;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use futures::StreamExt;
use index_processor::conversion::chain::Chains;
use index_processor::conversion::{Conversion, File};
use indicatif::{ProgressBar, ProgressStyle};
use shared::settings::SourceOptions;
use tokio::time::Instant;

use self::files::{Found, find};
use self::report::Report;
use crate::args::ConvertFilesArgs;
use crate::exit::Exit;
use crate::output::{bars, is_watched, line, note, plural, span};

pub(crate) async fn run(args: ConvertFilesArgs, json: bool) -> anyhow::Result<Exit> {
    let found = find(&args.files)?;
    if args.output.is_none() && !json && found.iter().any(|file| file.is_below_a_folder) {
        bail!("say where the Markdown of a folder's files is to go with --output FOLDER, or take --json");
    }
    let mut conversion = args
        .convert
        .open(&SourceOptions::new())
        .map_err(anyhow::Error::msg)?;
    if let Some(only) = args.converter {
        conversion.chains = Chains::only(only);
    }
    let conversion = Arc::new(conversion);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let at_once = args.convert.converter_processes.map_or(cores, usize::from);
    let (started, count) = (Instant::now(), found.len());
    let bar = progress(count, args.output.is_some() && count > 1);
    let mut reports = futures::stream::iter(found)
        .map(|file| convert_one(Arc::clone(&conversion), file))
        .buffered(at_once);
    let mut tally = Tally::default();
    while let Some(report) = reports.next().await {
        let report = report?;
        tally.count(&report);
        bar.set_message(report.path.clone());
        bar.inc(1);
        show(&report, &args, count, json)?;
    }
    drop(reports);
    bar.finish_and_clear();
    conversion.close().await;
    if count > 1 && !json {
        let millis = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        note(&format!(
            "{} in {}: {tally}",
            plural(count as u64, "file"),
            span(millis)
        ));
    }
    Ok(if tally.failed + tally.skipped == 0 {
        Exit::Ok
    } else {
        Exit::Partly
    })
}

async fn convert_one(conversion: Arc<Conversion>, found: Found) -> anyhow::Result<Report> {
    let bytes = tokio::fs::read(&found.path)
        .await
        .with_context(|| format!("{} cannot be read", found.path.display()))?;
    let size = bytes.len() as u64;
    let file = File {
        name: found.name.clone(),
        content_hash: shared::ids::content_hash(&bytes),
        bytes: bytes.into(),
        content_type: None,
    };
    let started = Instant::now();
    let outcome = match conversion.convert_plain(&file) {
        Some(outcome) => outcome,
        None => conversion.convert(&file, &BTreeSet::new()).await,
    };
    Ok(Report::new(found.name, size, started.elapsed(), outcome))
}

/// Prints or writes what came of a file.
fn show(report: &Report, args: &ConvertFilesArgs, count: usize, json: bool) -> anyhow::Result<()> {
    if let (Some(folder), Some(markdown)) = (&args.output, &report.markdown) {
        write(folder, &report.path, markdown)?;
    }
    if json {
        line(&report.json(args.output.is_none())?);
        return Ok(());
    }
    for text in report.notes(count > 1) {
        note(&text);
    }
    if let (None, Some(markdown)) = (&args.output, &report.markdown) {
        line(markdown.trim_end());
    }
    Ok(())
}

/// Writes `FOLDER/name.ext.md`: two files that differ in their extension alone keep apart.
fn write(folder: &Path, name: &str, markdown: &str) -> anyhow::Result<()> {
    let path = folder.join(format!("{name}.md"));
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    std::fs::write(&path, markdown).with_context(|| format!("{} cannot be written", path.display()))
}

fn progress(count: usize, shown: bool) -> ProgressBar {
    if !shown || !is_watched() {
        return ProgressBar::hidden();
    }
    let bar = bars().add(ProgressBar::new(count as u64));
    if let Ok(style) =
        ProgressStyle::with_template("{spinner:.cyan} [{bar:30.cyan/blue}] {pos}/{len} {wide_msg}")
    {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// How many came out how.
#[derive(Default)]
struct Tally {
    whole: usize,
    partial: usize,
    skipped: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, report: &Report) {
        *match report.result {
            "converted" => &mut self.whole,
            "partial" => &mut self.partial,
            "skipped" => &mut self.skipped,
            _ => &mut self.failed,
        } += 1;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} converted", self.whole)?;
        for (count, what) in [
            (self.partial, "in part"),
            (self.skipped, "skipped"),
            (self.failed, "failed"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}
