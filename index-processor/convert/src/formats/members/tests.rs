use super::*;
use crate::Options;
use crate::document::About;

fn document(markdown: &str, parts: Vec<Part>) -> Document {
    Document {
        markdown: markdown.to_owned(),
        about: About {
            kind: DocumentKind::Office,
            mime: "application/pdf".to_owned(),
            title: None,
            converter: "test".to_owned(),
            warnings: vec!["odd".to_owned()],
            parts,
        },
    }
}

#[test]
fn parts_of_members_are_placed_in_the_whole() {
    let options = Options::default();
    let context = Context::new(&options);
    let mut members = Members::new(&context, "# Mail\n\ntext\n".to_owned(), "Attachment: ", 2);
    let page = |start, number, unread| Part {
        start,
        place: Place::page(number),
        unread,
    };
    let missing = Unread {
        code: "scanned".to_owned(),
        reason: "no text".to_owned(),
    };
    let inner = document(
        "# One\n\nfirst\n\n# Two\n",
        vec![page(0, 1, None), page(14, 2, None), page(20, 3, Some(missing))],
    );
    members.set_in("a.pdf", inner);
    let failure = ConvertError::corrupt("file", "x");
    members.add_unread("b.pdf", failure.clone());
    assert_eq!(members.failure(), Some(&failure));
    assert_eq!(members.converted(), 1);
    let whole = members.finish();
    assert_eq!(
        whole.markdown,
        "# Mail\n\ntext\n\n## Attachment: a.pdf\n\n### One\n\nfirst\n\n### Two\n\n## Attachment: b.pdf\n\n"
    );
    let parts: Vec<(String, &str, bool)> = whole
        .parts
        .iter()
        .map(|part| {
            let line = whole.markdown[part.start..].lines().next().unwrap_or_default();
            (part.place.to_string(), line, part.unread.is_some())
        })
        .collect();
    assert_eq!(
        parts,
        [
            ("a.pdf".to_owned(), "## Attachment: a.pdf", false),
            ("a.pdf, page 1".to_owned(), "### One", false),
            ("a.pdf, page 2".to_owned(), "### Two", false),
            ("a.pdf, page 3".to_owned(), "", true),
            ("b.pdf".to_owned(), "## Attachment: b.pdf", true),
        ]
    );
    assert_eq!(whole.warnings, ["a.pdf: odd"]);
}

#[test]
fn members_of_one_name_are_told_apart() {
    let options = Options::default();
    let context = Context::new(&options);
    let mut members = Members::new(&context, String::new(), "", 1);
    for _ in 0..3 {
        members.add(&Input {
            name: "a.txt",
            bytes: b"text",
            content_type: None,
        });
    }
    let places: Vec<String> = members.parts.iter().map(|part| part.place.to_string()).collect();
    assert_eq!(places, ["a.txt", "a.txt (2)", "a.txt (3)"]);
}

#[test]
fn few_of_many_are_named() {
    let options = Options::default();
    let context = Context::new(&options);
    let mut members = Members::new(&context, String::new(), "", 1);
    for number in 0..8 {
        members.skip(&format!("{number}.png"));
    }
    for number in 0..30 {
        members.warn(format!("warning {number}"));
    }
    let whole = members.finish();
    assert_eq!(
        whole.warnings[20..],
        [
            "10 more warnings",
            "8 of the files inside hold nothing that is indexed: 0.png, 1.png, 2.png, 3.png, 4.png and 3 more"
        ]
    );
}
