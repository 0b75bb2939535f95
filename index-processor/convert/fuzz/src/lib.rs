//! What every fuzz target does with its input.
//!
//! Panics inside parsers of others are no findings: the child process that conversion runs in catches them. Panics in our own
//! code, broken promises, aborts, stack overflows, timeouts and exhausted memory are.

use std::panic::{AssertUnwindSafe, catch_unwind};

use convert::fixtures::promises;
use convert::{ConvertError, Document, Input, Options};

pub use convert::FileType;
pub use libfuzzer_sys;

/// As in the child process.
const STACK: usize = 64 << 20;

/// The target of each file type, which is also the name of its folder in the corpus.
pub const TARGETS: [(&str, FileType); 21] = [
    ("pdf", FileType::Pdf),
    ("docx", FileType::Docx),
    ("pptx", FileType::Pptx),
    ("xlsx", FileType::Xlsx),
    ("doc", FileType::Doc),
    ("xls", FileType::Xls),
    ("ppt", FileType::Ppt),
    ("odt", FileType::Odt),
    ("odp", FileType::Odp),
    ("ods", FileType::Ods),
    ("rtf", FileType::Rtf),
    ("html", FileType::Html),
    ("epub", FileType::Epub),
    ("eml", FileType::Eml),
    ("msg", FileType::Msg),
    ("ipynb", FileType::Ipynb),
    ("csv", FileType::Csv),
    ("json", FileType::Json),
    ("xml", FileType::Xml),
    ("zip", FileType::Zip),
    ("text", FileType::Text),
];

/// The target that decides by itself what its input is.
pub const DETECT: &str = "detect";

/// Replaces libFuzzer's panic hook, which aborts on every panic, by one that aborts on our own.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let is_foreign = panic
            .location()
            .is_some_and(|at| ["/registry/src/", "/rustc/", "/library/"].iter().any(|place| at.file().contains(place)));
        if !is_foreign {
            eprintln!("{panic}");
            std::process::abort();
        }
    }));
}

/// Small, so that inputs which reach the limits are quick.
fn options() -> Options {
    Options {
        open: FileType::ALL.into(),
        max_output_bytes: 4 << 20,
        max_unpacked_bytes: 16 << 20,
        ..Options::default()
    }
}

/// Has `bytes` converted by the converter of `file_type`, whatever they are.
pub fn check(file_type: FileType, bytes: &[u8]) {
    keeps_promises(|options| convert::fixtures::convert_as(file_type, &input("input", bytes), options));
}

/// Has `bytes` converted as what they seem to be. The first byte chooses a name.
pub fn check_detected(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let (extension, _) = TARGETS[usize::from(*first) % TARGETS.len()];
    let name = if *first < 128 { format!("input.{extension}") } else { "input".to_owned() };
    keeps_promises(|options| convert::convert(&input(&name, rest), options));
}

fn keeps_promises(convert: impl Fn(&Options) -> Result<Document, ConvertError> + Sync) {
    let options = options();
    let outcome = || {
        std::thread::scope(|scope| {
            let work = || catch_unwind(AssertUnwindSafe(|| convert(&options))).ok();
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            thread.expect("a thread").join().expect("panics are caught")
        })
    };
    let first = outcome();
    if let Some(broken) = first.as_ref().and_then(|result| promises::broken(result, &options)) {
        panic!("{broken}");
    }
    assert!(first == outcome(), "another result the second time");
}

fn input<'a>(name: &'a str, bytes: &'a [u8]) -> Input<'a> {
    Input {
        name,
        bytes,
        content_type: None,
    }
}
