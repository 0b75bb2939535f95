//! Memory of the worker and of its child over many documents.

use std::path::Path;

use bytes::Bytes;
use convert::{Outcome, Profile};

use crate::documents::{Documents, File};
use crate::{Result, request, sandbox, table};

const DOCUMENTS: usize = 10_000;
const STEP: usize = 1_000;

pub(crate) fn measure(documents: &Documents) -> Result<()> {
    let files: Vec<&File> = documents.all().collect();
    let largest = files
        .iter()
        .map(|file| file.bytes.len())
        .max()
        .unwrap_or_default();
    println!(
        "\nmemory: {} files again and again, the largest of {:.1} MB; resident sets\n",
        files.len(),
        largest as f64 / 1e6
    );
    let runtime = tokio::runtime::Runtime::new()?;
    // In production a child is replaced after some hundred documents; one that is kept shows whether it has to be.
    for kept in [true, false] {
        let sandbox = sandbox(|settings| {
            if kept {
                settings.recycle_after = u32::MAX;
                settings.recycle_above_percent = 100;
            }
        });
        let title = if kept {
            "one child for all"
        } else {
            "children replaced as in production"
        };
        table::head(&[title, "worker, MiB", "child, MiB"]);
        let mut failed = 0;
        for number in 1..=DOCUMENTS {
            let Some(file) = files.get(number * 7919 % files.len()) else {
                return Err("no documents".into());
            };
            let bytes = Bytes::copy_from_slice(&file.bytes);
            let reply = runtime.block_on(sandbox.run(Profile::Parser, &request(&file.name), bytes))?;
            failed += u32::from(!matches!(reply.outcome, Outcome::Document(_)));
            // Not at a round number: that is when a child has just been replaced.
            if number % STEP == STEP / 10 {
                let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
                table::row(&[
                    number.to_string(),
                    mib(resident(Path::new("/proc/self"))?),
                    mib(children()?),
                ]);
            }
        }
        runtime.block_on(sandbox.close());
        println!("{failed} of them were not converted\n");
    }
    Ok(())
}

/// Resident set of a process, in KiB.
fn resident(process: &Path) -> Result<u64> {
    let status = std::fs::read_to_string(process.join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no VmRSS")?;
    Ok(kib.parse()?)
}

/// Resident sets of this process's children together, in KiB.
fn children() -> Result<u64> {
    let mut sum = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let children = std::fs::read_to_string(thread?.path().join("children"))?;
        for child in children.split_whitespace() {
            sum += resident(&Path::new("/proc").join(child))?;
        }
    }
    Ok(sum)
}
