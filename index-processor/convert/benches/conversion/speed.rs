//! Files and megabytes a second, one thread, beside markitdown.

use std::path::Path;
use std::time::{Duration, Instant};

use convert::convert;

use crate::documents::{Documents, File};
use crate::peer::Markitdown;
use crate::{Result, input, median, options, table};

/// A file's medians.
struct Measured {
    ours: Duration,
    theirs: Duration,
}

pub(crate) fn measure(documents: &Documents, python: Option<&Path>, rounds: usize) -> Result<()> {
    println!("\nspeed: one thread, medians of {rounds} rounds, taking turns file by file\n");
    let mut peer = python.map(Markitdown::start).transpose()?;
    table::head(&[
        "format",
        "files",
        "MB",
        "files/s",
        "MB/s",
        "markitdown files/s",
        "MB/s",
        "ratio",
        "median of the files' ratios",
        "not converted: by us, by markitdown",
    ]);
    for (format, files) in &documents.formats {
        let mut failed = (0, 0);
        let mut measured = Vec::new();
        let mut bytes = 0;
        for file in files {
            let one = one(file, peer.as_mut(), rounds)?;
            failed.0 += u32::from(one.ours.is_none());
            failed.1 += u32::from(one.theirs.is_none());
            // Only what both convert is compared; a quick refusal is no merit.
            if let (Some(ours), Some(theirs)) = (one.ours, one.theirs) {
                measured.push(Measured { ours, theirs });
                bytes += file.bytes.len();
            }
        }
        let of =
            |which: fn(&Measured) -> Duration| measured.iter().map(which).sum::<Duration>().as_secs_f64();
        let (ours, theirs) = (of(|one| one.ours), of(|one| one.theirs));
        let mut ratios: Vec<f64> = measured
            .iter()
            .map(|one| one.theirs.as_secs_f64() / one.ours.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        let (count, mb) = (measured.len() as f64, bytes as f64 / 1e6);
        let known = |is_known: bool, value: String| if is_known { value } else { "–".to_owned() };
        let any = |value| known(!measured.is_empty(), value);
        let peers = |value| known(!measured.is_empty() && peer.is_some(), value);
        table::row(&[
            format.clone(),
            format!("{count}"),
            format!("{mb:.2}"),
            any(format!("{:.0}", count / ours)),
            any(format!("{:.2}", mb / ours)),
            peers(format!("{:.1}", count / theirs)),
            peers(format!("{:.3}", mb / theirs)),
            peers(format!("{:.1}", theirs / ours)),
            peers(format!(
                "{:.1}",
                ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
            )),
            format!("{}, {}", failed.0, known(peer.is_some(), failed.1.to_string())),
        ]);
    }
    if let Some(peer) = peer {
        peer.end()?;
    }
    Ok(())
}

/// What each took for a file; `None` for whoever made nothing of it.
struct Turns {
    ours: Option<Duration>,
    theirs: Option<Duration>,
}

fn one(file: &File, mut peer: Option<&mut Markitdown>, rounds: usize) -> Result<Turns> {
    let options = options();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut ok = (true, true);
    for _ in 0..rounds {
        // As markitdown, which is given a path, we read the file too.
        let started = Instant::now();
        let bytes = std::fs::read(&file.path)?;
        let converted = convert(&input(&file.name, &bytes), &options);
        ours.push(started.elapsed());
        ok.0 &= converted.is_ok_and(|document| !document.markdown.trim().is_empty());
        if let Some(peer) = peer.as_mut() {
            let converted = peer.convert(&file.path)?;
            theirs.push(converted.took);
            ok.1 &= !converted.failed && converted.characters > 0;
        }
    }
    Ok(Turns {
        ours: ok.0.then(|| median(ours)),
        theirs: ok.1.then(|| median(theirs)),
    })
}
