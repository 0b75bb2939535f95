#![allow(missing_docs, clippy::all, clippy::print_stdout)]
use convert::*;
fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let opts = Options {
            open: vec![FileType::Doc, FileType::Xls, FileType::Ppt],
            ..Options::default()
        };
        let t = std::time::Instant::now();
        let r = convert(
            &Input {
                name: &path,
                bytes: &bytes,
                content_type: None,
            },
            &opts,
        );
        let e = t.elapsed();
        match r {
            Ok(d) => {
                println!(
                    "=== {path} {e:?} {} {:?} {:?} {}",
                    d.about.mime,
                    d.about.title,
                    d.about.warnings,
                    d.markdown.len()
                );
                println!(
                    "{:?}",
                    d.about
                        .parts
                        .iter()
                        .map(|p| (p.start, p.place.to_string(), p.unread.is_some()))
                        .collect::<Vec<_>>()
                );
                println!("{}", d.markdown);
            }
            Err(err) => println!("=== {path} {e:?} ERROR {} {err}", err.code()),
        }
    }
}
