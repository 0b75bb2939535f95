//! What the sandbox adds to a conversion.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convert::{Outcome, Profile, convert};

use crate::documents::Documents;
use crate::{Result, input, median, options, request, sandbox, table};

/// Upper ends of the size classes, in bytes.
const CLASSES: [(&str, usize); 4] = [
    ("to 10 kB", 10_000),
    ("to 50 kB", 50_000),
    ("to 200 kB", 200_000),
    ("larger", usize::MAX),
];

pub(crate) fn measure(documents: &Documents, rounds: usize) -> Result<()> {
    println!(
        "\noverhead of the sandbox: one warm child, medians of {rounds} rounds, taking turns file by file\n"
    );
    let runtime = tokio::runtime::Runtime::new()?;
    let sandbox = sandbox(|_| {});
    runtime.block_on(sandbox.warm(Profile::Parser, 1))?;
    let mut sums = BTreeMap::<(usize, &str), Sum>::new();
    let above = CLASSES.len();
    for (format, files) in &documents.formats {
        for file in files {
            let bytes = Bytes::from(file.bytes.clone());
            let (mut direct, mut sandboxed) = (Vec::new(), Vec::new());
            let mut converted = true;
            for _ in 0..rounds {
                let started = Instant::now();
                let document = convert(&input(&file.name, &bytes), &options());
                direct.push(started.elapsed());
                let started = Instant::now();
                let reply =
                    runtime.block_on(sandbox.run(Profile::Parser, &request(&file.name), bytes.clone()))?;
                sandboxed.push(started.elapsed());
                converted &= document.is_ok() && matches!(reply.outcome, Outcome::Document(_));
            }
            if !converted {
                continue;
            }
            let class = CLASSES
                .iter()
                .position(|(_, most)| bytes.len() <= *most)
                .unwrap_or_default();
            let (direct, sandboxed) = (median(direct), median(sandboxed));
            let mut keys = vec![(class, "all")];
            if bytes.len() > 50_000 {
                keys.extend([(above, format.as_str()), (above + 1, "all")]);
            }
            for key in keys {
                sums.entry(key).or_default().add(direct, sandboxed);
            }
        }
    }
    runtime.block_on(sandbox.close());
    table::head(&[
        "size",
        "format",
        "files",
        "direct, ms",
        "sandboxed, ms",
        "added a file, ms",
        "overhead",
    ]);
    for ((class, format), sum) in sums {
        let class = CLASSES.get(class).map_or("above 50 kB", |(name, _)| name);
        table::row(&[
            class.to_owned(),
            format.to_owned(),
            sum.files.to_string(),
            format!("{:.2}", sum.direct.as_secs_f64() * 1e3),
            format!("{:.2}", sum.sandboxed.as_secs_f64() * 1e3),
            format!(
                "{:.3}",
                (sum.sandboxed.as_secs_f64() - sum.direct.as_secs_f64()) * 1e3 / f64::from(sum.files)
            ),
            format!(
                "{:.1} %",
                (sum.sandboxed.as_secs_f64() / sum.direct.as_secs_f64() - 1.0) * 100.0
            ),
        ]);
    }
    Ok(())
}

#[derive(Default)]
struct Sum {
    files: u32,
    direct: Duration,
    sandboxed: Duration,
}

impl Sum {
    fn add(&mut self, direct: Duration, sandboxed: Duration) {
        self.files += 1;
        self.direct += direct;
        self.sandboxed += sandboxed;
    }
}
