use crate::testing::{damaged, epub, epub_files, run, run_with, zip};
use crate::{Options, Place};

const PAGES: [(&str, &str); 4] = [
    (
        "nav.xhtml",
        "<nav><ol><li><a href='two.xhtml'>Chapter Two</a></li></ol></nav>",
    ),
    (
        "toc-page.xhtml",
        "<h1>Contents</h1><p><a href='one.xhtml'>Chapter One, which is long</a></p><p><a href='two.xhtml'>Chapter Two, too</a></p>",
    ),
    (
        "two.xhtml",
        "<h1>A Book</h1><p>Second <a href='notes.xhtml#1'>1</a> and <a href='https://x.y/'>out</a>.</p><img src='a.png' alt='A cat'/>",
    ),
    ("one.xhtml", "<h1>Chapter One</h1><h2>Part</h2><p>First.</p>"),
];

#[test]
fn pages_in_the_order_of_the_spine() {
    let document = run("book.epub", epub("A Book", &PAGES)).unwrap();
    assert_eq!(document.about.title.as_deref(), Some("A Book"));
    assert_eq!(document.about.mime, "application/epub+zip");
    assert_eq!(
        (document.about.parts.len(), document.about.warnings.len()),
        (0, 0)
    );
    insta::assert_snapshot!(document.markdown, @r"
    # A Book

    By Ann Author

    Second 1 and [out](https://x.y/).

    A cat

    ## Chapter One

    ### Part

    First.
    ");
}

#[test]
fn a_book_of_contents_only_is_read_all_the_same() {
    let document = run("book.epub", epub("A Book", &PAGES[1..2])).unwrap();
    assert!(
        document.markdown.contains("Chapter One, which is long"),
        "{}",
        document.markdown
    );
}

#[test]
fn a_missing_page_is_an_unread_part() {
    let mut files = epub_files("A Book", &PAGES);
    files.retain(|(name, _)| name != "OEBPS/two.xhtml");
    let document = run("book.epub", zip(&files)).unwrap();
    let unread: Vec<(String, &str)> = document
        .unread()
        .map(|(place, unread)| (place.to_string(), unread.code.as_str()))
        .collect();
    assert_eq!(unread, [("OEBPS/two.xhtml".to_owned(), "corrupt")]);
    assert_eq!(
        document.place_at(document.markdown.find("First.").unwrap()),
        Place::default()
    );
}

#[test]
fn a_page_is_read_once_however_often_it_is_shown() {
    let mut files = epub_files("A Book", &PAGES);
    let again = "<itemref idref='one.xhtml'/>".repeat(1000);
    files[2].1 = files[2].1.replace("</spine>", &format!("{again}</spine>"));
    let document = run("book.epub", zip(&files)).unwrap();
    assert_eq!(document.markdown.matches("First.").count(), 1);
}

#[test]
fn without_a_spine_the_names_give_the_order() {
    for lost in ["META-INF/container.xml", "OEBPS/book.opf"] {
        let mut files = epub_files("A Book", &PAGES[2..]);
        files.retain(|(name, _)| name != lost);
        let document = run("book.epub", zip(&files)).unwrap();
        assert!(
            document.markdown.find("First.") < document.markdown.find("Second"),
            "{}",
            document.markdown
        );
        assert!(
            document.about.warnings[0].contains("in the order of their names"),
            "{:?}",
            document.about.warnings
        );
    }
}

fn with_encryption(algorithm: &str, file: &str) -> Vec<u8> {
    let mut files = epub_files("A Book", &PAGES);
    files.push((
        "META-INF/encryption.xml".to_owned(),
        format!(
            "<encryption xmlns='urn:oasis:names:tc:opendocument:xmlns:container' xmlns:enc='http://www.w3.org/2001/04/xmlenc#'>\
             <enc:EncryptedData><enc:EncryptionMethod Algorithm='{algorithm}'/><enc:CipherData>\
             <enc:CipherReference URI='{file}'/></enc:CipherData></enc:EncryptedData></encryption>"
        ),
    ));
    zip(&files)
}

#[test]
fn protected_books_are_refused_and_hidden_fonts_are_not() {
    let aes = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
    let error = run("book.epub", with_encryption(aes, "OEBPS/one.xhtml")).unwrap_err();
    assert_eq!(error.code(), "drm_protected");
    for bytes in [
        with_encryption("http://www.idpf.org/2008/embedding", "OEBPS/fonts/a.otf"),
        with_encryption(aes, "OEBPS/fonts/a.otf"),
    ] {
        assert!(run("book.epub", bytes).is_ok());
    }
}

#[test]
fn a_bomb_ends_at_the_allowance_wherever_it_is() {
    let options = Options {
        max_unpacked_bytes: 1 << 20,
        ..Options::default()
    };
    let spaces = " ".repeat(2 << 20);
    for name in [
        "OEBPS/book.opf",
        "OEBPS/one.xhtml",
        "META-INF/container.xml",
        "META-INF/encryption.xml",
        "image.png",
    ] {
        let mut files = epub_files("A Book", &PAGES);
        files.retain(|(other, _)| other != name);
        files.push((name.to_owned(), spaces.clone()));
        let error = run_with("book.epub", zip(&files), &options).unwrap_err();
        assert_eq!(error.code(), "too_large_unpacked", "{name}");
    }
}

#[test]
fn damaged_books_end_with_text_or_a_reason() {
    for copy in damaged(&epub("A Book", &PAGES)) {
        if let Err(error) = run("book.epub", copy) {
            assert!(!error.to_string().is_empty());
        }
    }
}
