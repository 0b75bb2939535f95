//! Writes the seed corpus: `cargo run --bin seeds [FOLDER]`, in the folder of the fuzz crate.
//!
//! The seeds are the fixtures, some damaged copies of them, and those files of FOLDER that are small enough to be mutated fast.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use convert::fixtures::damage::Damage;
use convert::fixtures::{self};
use convert::{FileType, Input, file_type};
use convert_fuzz::{DETECT, TARGETS};

/// Larger files are mutated too slowly to find anything.
const LARGEST: usize = 128 << 10;

fn main() -> io::Result<()> {
    let corpus = Path::new("corpus");
    for target in TARGETS.iter().map(|(target, _)| *target).chain([DETECT]) {
        fs::create_dir_all(corpus.join(target))?;
    }
    for fixture in fixtures::all() {
        seed(corpus, fixture.name, &fixture.bytes)?;
        for (number, damage) in [Damage::Cut(600), Damage::Flip { bits: 8, seed: 1 }, Damage::Smear { seed: 2 }]
            .into_iter()
            .enumerate()
        {
            let name = format!("damaged-{number}-{}", fixture.name);
            seed(corpus, &name, &damage.apply(&fixture.bytes))?;
        }
    }
    for folder in std::env::args().skip(1) {
        for path in files_below(Path::new(&folder))? {
            let name = path.to_string_lossy().replace(['/', '\\'], "-");
            seed(corpus, &name, &fs::read(&path)?)?;
        }
    }
    Ok(())
}

fn seed(corpus: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    if bytes.len() > LARGEST {
        return Ok(());
    }
    let input = Input {
        name,
        bytes,
        content_type: None,
    };
    let of = |wanted: FileType| TARGETS.iter().find(|(_, file_type)| *file_type == wanted);
    if let Some((target, _)) = file_type(&input).ok().and_then(of) {
        fs::write(corpus.join(target).join(name), bytes)?;
    }
    // The first byte chooses the name; 255 is none.
    fs::write(corpus.join(DETECT).join(name), [&[255], bytes].concat())
}

fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
