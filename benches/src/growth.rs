//! Does memory grow with the corpus? Longshore on one, two and four copies of it, no two chunks equal.

use std::time::Duration;

use crate::corpus::{Kind, WorkingCopy, remove};
use crate::measure;
use crate::passes;
use crate::systems::{Job, Longshore, System};
use crate::tools::Tools;

/// Measures and prints a table.
pub(crate) async fn measure(tools: &Tools, kind: Kind) -> anyhow::Result<()> {
    let original = kind.fetch(tools)?;
    let server = passes::serve(Duration::ZERO).await?;
    let url = server.url();
    let scratch = tools.cache.join("work").join("growth");
    let corpus = WorkingCopy::make(&original, scratch.join("corpus"))?;
    let mut table = String::from(
        "| system | corpus | files | MB | chunks | cold, s | CPU s | peak MiB | nothing changed, s | peak MiB |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut copies = 1;
    for size in [1, 2, 4] {
        while copies < size {
            copies += 1;
            corpus.multiply(&original, copies)?;
        }
        let (files, bytes) = corpus.size()?;
        for system in [
            Longshore::with_model(&tools.longshore),
            Longshore::without_model(&tools.longshore),
        ] {
            let job = Job {
                corpus: &corpus.folder,
                data: scratch.join("data"),
                url: &url,
            };
            remove(&job.data)?;
            server.reset();
            let (cold, _) = measure::run(&system.ingest(&job), &scratch)?;
            let (unchanged, _) = measure::run(&system.ingest(&job), &scratch)?;
            let chunks = system.content(&job)?.map_or(0, |content| content.chunks);
            let row = format!(
                "| {} | ×{size} | {files} | {:.1} | {chunks} | {:.2} | {:.2} | {:.0} | {:.2} | {:.0} |\n",
                system.name(),
                bytes as f64 / 1e6,
                cold.wall_s,
                cold.cpu_s,
                cold.peak_rss_mib,
                unchanged.wall_s,
                unchanged.peak_rss_mib,
            );
            print!("{row}");
            table.push_str(&row);
        }
    }
    println!("\n{table}");
    std::fs::write(
        tools.cache.join(format!("results-growth-{}.md", kind.name())),
        table,
    )?;
    Ok(())
}
