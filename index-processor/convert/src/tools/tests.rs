use std::process::Command;

use super::*;
use crate::pdf_fixture::{Page, Picture, pdf};
use crate::{convert, quality};

fn input(bytes: &[u8]) -> Input<'_> {
    Input {
        name: "a.pdf",
        bytes,
        content_type: None,
    }
}

/// Far enough for a slow machine.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(50)
}

fn letter() -> Page {
    Page::new()
        .text(72, 700, 16, "The quick harbour clerk")
        .text(72, 670, 16, "counts seventeen ships")
}

/// A picture of a page, as a scanner makes it.
fn scan(page: Page) -> Picture {
    let png = Tools::find()
        .render(&input(&pdf(&[page])), 1, 2000, later())
        .unwrap();
    Picture::png(&png)
}

#[test]
fn the_programs_are_found() {
    let tools = Tools::find();
    assert!(tools.can_ocr(FileType::Pdf) && tools.can_ocr(FileType::Image) && !tools.can_ocr(FileType::Docx));
    assert!(tools.languages.iter().any(|name| name == "eng"), "{tools:?}");
    let version = &tools.pdftotext.as_ref().unwrap().version;
    assert!(
        tools
            .fingerprint()
            .starts_with(&format!("poppler/1-{version} tesseract/1-"))
    );
    assert_eq!(Tools::default().fingerprint(), "");
}

#[test]
fn a_scanned_page_is_read() {
    let bytes = pdf(&[
        Page::new().lines(72, 700, &["A page of text."]),
        Page::new().picture(scan(letter())),
    ]);
    let input = input(&bytes);
    let base = convert(&input, &Options::default()).unwrap();
    let pages = quality::unread_pages(&base);
    assert_eq!(pages, [2]);
    let seen = Tools::find()
        .ocr(&input, FileType::Pdf, &pages, "eng", later())
        .unwrap();
    assert_eq!(seen.about.parts.len(), 1);
    let merged = quality::merge(base, seen);
    assert_eq!(merged.about.converter, "pdf+tesseract");
    assert_eq!(quality::sufficient(&merged), quality::Verdict::Sufficient);
    let words: Vec<&str> = merged.markdown.split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "A page of text. The quick harbour clerk counts seventeen ships"
    );
}

#[test]
fn an_image_is_read() {
    let tools = Tools::find();
    let png = tools.render(&input(&pdf(&[letter()])), 1, 2000, later()).unwrap();
    let document = tools
        .ocr(&input(&png), FileType::Image, &[], "eng", later())
        .unwrap();
    assert_eq!(document.about.mime, "image/png");
    assert!(
        document.markdown.contains("seventeen ships"),
        "{}",
        document.markdown
    );
    let blank = tools
        .render(&input(&pdf(&[Page::new()])), 1, 500, later())
        .unwrap();
    let error = tools
        .ocr(&input(&blank), FileType::Image, &[], "eng", later())
        .unwrap_err();
    assert_eq!(error.code(), "empty");
    let error = tools
        .ocr(&input(b"no image"), FileType::Image, &[], "eng", later())
        .unwrap_err();
    assert_eq!(error.code(), "unsupported_image");
}

#[test]
fn the_columns_of_a_table_in_an_image_are_read() {
    let page = Page::new().lines(60, 780, &[]);
    let row = |page: Page, y: i32, cells: [&str; 3]| {
        let page = page.text(60, y, 14, cells[0]).text(240, y, 14, cells[1]);
        page.text(400, y, 14, cells[2])
    };
    let page = row(page, 780, ["Name", "Department", "Salary"]);
    let page = row(page, 740, ["Smith", "Engineering", "85000"]);
    let page = row(page, 700, ["Miller", "Marketing", "72000"]);
    let tools = Tools::find();
    let png = tools.render(&input(&pdf(&[page])), 1, 2000, later()).unwrap();
    let document = tools
        .ocr(&input(&png), FileType::Image, &[], "eng", later())
        .unwrap();
    for word in ["Department", "Miller", "85000", "72000"] {
        assert!(document.markdown.contains(word), "{word}: {}", document.markdown);
    }
}

#[test]
fn pages_that_are_not_there_or_not_in_time_are_not_read_and_the_others_are() {
    let bytes = pdf(&[letter(), letter()]);
    let tools = Tools::find();
    let document = tools
        .ocr(&input(&bytes), FileType::Pdf, &[9, 2, 2], "eng", later())
        .unwrap();
    let unread: Vec<_> = document
        .unread()
        .map(|(place, unread)| (place.page, &*unread.code))
        .collect();
    assert_eq!(unread, [(Some(9), "no_such_page")]);
    assert!(document.markdown.contains("quick harbour"));
    assert_eq!(document.about.parts[0].place, crate::Place::page(2));
}

#[test]
fn languages_are_names_and_installed() {
    let tools = Tools::find();
    for languages in [
        "xyz",
        "eng+xyz",
        "",
        "eng+",
        "--help",
        "../eng",
        "eng;id",
        "script/../eng",
    ] {
        let error = tools
            .ocr(&input(b"image"), FileType::Image, &[], languages, later())
            .unwrap_err();
        assert_eq!(error.code(), "ocr_language", "{languages}");
    }
}

#[test]
fn poppler_reads_text_page_by_page() {
    let lines = [
        "The harbour keeps a record of every ship that enters, with the name",
        "of the master, the port of origin and what is in the holds.",
    ];
    let bytes = pdf(&[Page::new().lines(72, 700, &lines), Page::new(), letter()]);
    let document = Tools::find()
        .pdftotext(&input(&bytes), &Options::default(), later())
        .unwrap();
    assert_eq!(document.about.converter, "poppler");
    assert_eq!(document.about.parts.len(), 3);
    assert!(
        document.markdown.starts_with(&lines.join(" ")),
        "{}",
        document.markdown
    );
    let last = document.markdown.find("The quick").unwrap();
    assert_eq!(document.place_at(last), crate::Place::page(3));
}

#[test]
fn what_poppler_cannot_open_is_corrupt_or_too_much() {
    let tools = Tools::find();
    let error = tools
        .pdftotext(&input(b"%PDF-1.4 nothing"), &Options::default(), later())
        .unwrap_err();
    assert_eq!(error.code(), "corrupt");
    let bytes = pdf(&vec![letter(); 50]);
    let options = Options {
        max_output_bytes: 100,
        ..Options::default()
    };
    let error = tools.pdftotext(&input(&bytes), &options, later()).unwrap_err();
    assert_eq!(error.code(), "output_too_large");
    let error = tools
        .ocr(&input(b"%PDF-1.4 nothing"), FileType::Pdf, &[], "eng", later())
        .unwrap_err();
    assert_eq!(error.code(), "corrupt");
}

#[test]
fn pictures_of_pages_are_as_large_as_asked() {
    let bytes = pdf(&[letter(), letter()]);
    let tools = Tools::find();
    let png = tools.render(&input(&bytes), 2, 640, later()).unwrap();
    assert_eq!(
        (&png[..4], &png[20..24]),
        (&b"\x89PNG"[..], &640_u32.to_be_bytes()[..])
    );
    assert_eq!(
        tools.render(&input(&bytes), 3, 640, later()).unwrap_err().code(),
        "no_such_page"
    );
}

#[test]
fn what_is_missing_is_told() {
    let none = Tools::default();
    let bytes = pdf(&[letter()]);
    let errors = [
        none.pdftotext(&input(&bytes), &Options::default(), later())
            .unwrap_err(),
        none.render(&input(&bytes), 1, 640, later()).unwrap_err(),
        none.ocr(&input(&bytes), FileType::Pdf, &[], "eng", later())
            .unwrap_err(),
        Tools {
            pdftoppm: None,
            ..Tools::find()
        }
        .ocr(&input(&bytes), FileType::Pdf, &[], "eng", later())
        .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), "needs_ocr");
        assert!(error.to_string().contains("install"), "{error}");
    }
}

/// A shell in the place of a program.
fn shell(script: &str, most: u64, deadline: Instant) -> Result<Vec<u8>, run::Trouble> {
    let directory = Directory::new(b"").unwrap();
    directory.run(Path::new("/bin/sh"), ["-c", script], most, deadline)
}

#[test]
fn a_program_is_killed_at_its_deadline() {
    // It writes down which process it is, so that its end can be seen.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("id");
    let script = format!("echo $$ > {}; exec sleep 1000", file.display());
    let trouble = shell(&script, 1000, Instant::now() + Duration::from_secs(2)).unwrap_err();
    assert!(matches!(trouble, run::Trouble::Deadline));
    let id = std::fs::read_to_string(file).unwrap();
    let is_there = Command::new("kill")
        .args(["-0", id.trim()])
        .output()
        .unwrap()
        .status
        .success();
    assert!(!is_there, "it runs on");
    assert_eq!(ConvertError::from(trouble).code(), "converter_timeout");
}

#[test]
fn a_program_that_writes_without_end_is_killed() {
    let trouble = shell("exec cat /dev/zero", 1 << 20, later()).unwrap_err();
    assert!(matches!(trouble, run::Trouble::TooMuch));
    assert!(matches!(
        shell("printf 12345", 4, later()).unwrap_err(),
        run::Trouble::TooMuch
    ));
    assert_eq!(shell("printf 1234", 4, later()).unwrap(), b"1234");
}

#[test]
fn a_program_gets_an_environment_of_its_own_and_says_what_is_wrong() {
    let environment = String::from_utf8(shell("env", 1 << 16, later()).unwrap()).unwrap();
    assert!(environment.contains("OMP_THREAD_LIMIT=1") && environment.contains("LANG=C.UTF-8"));
    assert!(!environment.contains("CARGO"), "{environment}");
    let trouble = shell("echo no such thing >&2; exit 3", 1000, later()).unwrap_err();
    assert!(
        matches!(&trouble, run::Trouble::Failed(said) if said.contains("no such thing")),
        "{trouble:?}"
    );
}
