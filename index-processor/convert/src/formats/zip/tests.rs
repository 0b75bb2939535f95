use crate::testing::{damaged, eml, encrypted_zip, run, run_with, zip};
use crate::{ConvertError, Document, Options, Place};

fn places(document: &Document) -> Vec<(String, &str)> {
    let markdown = &document.markdown;
    let line = |start: usize| markdown[start..].lines().next().unwrap_or_default();
    let parts = document.about.parts.iter();
    parts
        .map(|part| (part.place.to_string(), line(part.start)))
        .collect()
}

#[test]
fn members_become_parts_in_the_order_of_their_paths() {
    let archive = zip(&[
        (
            "notes/b.md",
            "---\ntitle: x\n---\n# Notes\n\ntext\n\nUnder\n---\n\n```\nopen",
        ),
        ("a.csv", "name,size\nx,1\n"),
        ("src/main.rs", "fn main() {}\n// ```"),
        ("c.json", "{\"a\": 1}"),
        ("plain.txt", "# not a heading\n\n<div>\n---\nlast\n"),
        ("page.html", "<h1>Page</h1><p>text"),
        ("settings.yaml", "a: 1\n"),
        ("picture.png", "\u{89}PNG\r\n\u{1A}\n\0\0"),
        ("empty/", ""),
        ("__MACOSX/a.csv", "x"),
        (".DS_Store", "x"),
        ("sub/._x.txt", "x"),
    ]);
    let document = run("archive.zip", archive).unwrap();
    assert_eq!(
        document.about.warnings,
        ["1 of the files inside hold nothing that is indexed: picture.png (unsupported_type)"]
    );
    insta::assert_snapshot!(document.markdown);
    insta::assert_debug_snapshot!(places(&document));
}

#[test]
fn a_member_that_cannot_be_read_is_an_unread_part() {
    let secret = encrypted_zip(&[("inside.txt", "text")]);
    let archive = zip(&[
        ("a.txt", b"first".to_vec()),
        ("b.zip", secret),
        ("c.zip", b"PK\x03\x04broken".to_vec()),
    ]);
    let document = run("archive.zip", archive).unwrap();
    let unread: Vec<(String, &str)> = document
        .unread()
        .map(|(place, unread)| (place.to_string(), unread.code.as_str()))
        .collect();
    assert_eq!(
        unread,
        [
            ("b.zip".to_owned(), "password_protected"),
            ("c.zip".to_owned(), "corrupt")
        ]
    );
    assert_eq!(document.markdown, "# a.txt\n\nfirst\n\n# b.zip\n\n# c.zip\n");
}

#[test]
fn an_archive_without_text_says_why() {
    for (bytes, code) in [
        (zip::<&str, &str>(&[]), "empty"),
        (zip(&[("__MACOSX/a", "x")]), "empty"),
        (
            zip(&[("a.bin", "\0\u{1}\u{2}"), ("b.txt", " ")]),
            "nothing_inside",
        ),
        (encrypted_zip(&[("a.txt", "text")]), "password_protected"),
        (b"PK\x03\x04broken".to_vec(), "corrupt"),
        (zip(&[("a.zip", b"PK\x03\x04broken")]), "corrupt"),
    ] {
        assert_eq!(run("a.zip", bytes).unwrap_err().code(), code);
    }
}

#[test]
fn names_are_made_harmless() {
    let archive = zip(&[
        ("../../etc/passwd", "one"),
        ("/absolute.txt", "two"),
        (r"C:\dir\file.txt", "three"),
        ("a\0b\n# c.txt", "four"),
        ("..", "five"),
        ("a/./b//c.txt", "six"),
        ("\u{202E}txt.exe", "seven"),
    ]);
    let document = run("archive.zip", archive).unwrap();
    let mut names: Vec<String> = document
        .about
        .parts
        .iter()
        .map(|part| part.place.attachment.clone().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "C:/dir/file.txt",
            "a b # c.txt",
            "a/b/c.txt",
            "absolute.txt",
            "etc/passwd",
            "txt.exe",
            "unnamed"
        ]
    );
}

#[test]
fn archives_within_archives_are_opened_down_to_a_limit() {
    let nest = |depth: usize| {
        (0..depth).fold(zip(&[("text.txt", "the text")]), |inner, number| {
            zip(&[(format!("{number}.zip"), inner)])
        })
    };
    let document = run("a.zip", nest(2)).unwrap();
    let places: Vec<String> = document
        .about
        .parts
        .iter()
        .map(|part| part.place.to_string())
        .collect();
    assert_eq!(places, ["1.zip", "1.zip/0.zip", "1.zip/0.zip/text.txt"]);
    assert!(
        document.markdown.ends_with("### text.txt\n\nthe text\n"),
        "{}",
        document.markdown
    );
    assert_eq!(
        document.place_at(document.markdown.len()),
        Place::default().inside("1.zip/0.zip/text.txt")
    );
    assert_eq!(run("a.zip", nest(20)).unwrap_err().code(), "nested_too_deep");
}

#[test]
fn a_message_in_an_archive_keeps_its_attachments() {
    let message = eml("The text.", &[("table.csv", "text/csv", b"a,b\n1,2\n")]);
    let document = run("a.zip", zip(&[("mail/one.eml", message)])).unwrap();
    let places = places(&document);
    assert_eq!(
        places,
        [
            ("mail/one.eml".to_owned(), "# mail/one.eml"),
            ("mail/one.eml/table.csv".to_owned(), "### Attachment: table.csv")
        ]
    );
}

#[test]
fn a_bomb_ends_at_the_allowance() {
    let options = Options {
        max_unpacked_bytes: 1 << 20,
        ..Options::default()
    };
    let zeros = vec![b'a'; 900 << 10];
    for archive in [
        zip(&[("a.txt", vec![b'a'; 2 << 20])]),
        zip(&[("a.txt", zeros.clone()), ("b.txt", zeros.clone())]),
        zip(&[
            ("a.txt", b"text".to_vec()),
            ("b.zip", zip(&[("a.txt", zeros.clone()), ("b.txt", zeros)])),
        ]),
    ] {
        let error = run_with("a.zip", archive, &options).unwrap_err();
        assert_eq!(error.code(), "too_large_unpacked");
        assert!(matches!(error, ConvertError::Failed { .. }));
    }
    // One that states a small size is not read any further than that.
    let lying = lying(zip(&[("a.txt", vec![b'a'; 2 << 20])]), 2 << 20);
    assert_eq!(run_with("a.zip", lying, &options).unwrap_err().code(), "corrupt");
}

/// The same archive, with 10 in place of each stated size.
fn lying(mut archive: Vec<u8>, size: u32) -> Vec<u8> {
    let size = size.to_le_bytes();
    for at in 0..archive.len() - 4 {
        if archive[at..at + 4] == size {
            archive[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
        }
    }
    archive
}

#[test]
fn of_very_many_members_the_first_are_read() {
    let members: Vec<(String, &str)> = (0..100_000)
        .map(|number| (format!("{number:06}.txt"), "x"))
        .collect();
    let document = run("a.zip", zip(&members)).unwrap();
    assert_eq!(document.about.parts.len(), 1001);
    let (place, unread) = document.unread().next().unwrap();
    assert_eq!(
        (place, unread.code.as_str()),
        (&Place::default(), "too_many_members")
    );
    assert!(
        unread.reason.starts_with("99000 of the 100000 files"),
        "{}",
        unread.reason
    );
}

#[test]
fn members_past_the_output_limit_are_unread() {
    let options = Options {
        max_output_bytes: 1000,
        ..Options::default()
    };
    let archive = zip(&[
        ("a.txt", "a".repeat(600)),
        ("b.txt", "b".repeat(600)),
        ("c.txt", "c".repeat(60)),
    ]);
    let document = run_with("a.zip", archive, &options).unwrap();
    let unread: Vec<&str> = document
        .unread()
        .map(|(_, unread)| unread.code.as_str())
        .collect();
    assert_eq!(unread, ["output_too_large"]);
    assert!(document.markdown.contains("ccc"));
}

#[test]
fn damaged_archives_end_with_a_reason() {
    let archive = zip(&[
        ("a.txt", "some text ".repeat(50)),
        ("b.md", "# Title\n\ntext".to_owned()),
    ]);
    for copy in damaged(&archive) {
        if let Err(error) = run("a.zip", copy) {
            assert!(!error.to_string().is_empty());
        }
    }
}
