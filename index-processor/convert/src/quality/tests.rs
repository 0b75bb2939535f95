use proptest::prelude::*;

use super::*;
use crate::{About, Part};

fn code(text: &str) -> Option<String> {
    judge(text).err().map(|unread| unread.code)
}

#[test]
fn text_of_all_kinds_is_text() {
    for text in [
        "",
        "42",
        "Yes.",
        "The harbour keeps a record of every ship that enters.",
        "船舶が入港するたびに記録が作成されます。",
        "हर जहाज का रिकॉर्ड रखा जाता है",
        "Ελληνικά, кириллица, עברית, العربية",
        "| a | b |\n| --- | --- |\n| 1 | 2 |",
        "Contents .......................................................... 3\n_____________________________",
        "fn main() { println!(\"{:?}\", [1, 2, 3].iter().map(|x| x + 1)); }",
        "\u{F0B7} first point of the list\n\u{F0B7} second point of the list",
        "Section (cid:31) is cited as (cid) in the footnotes of the report on characters, and nowhere else in it",
        "How to enable JavaScript in your browser. First open the settings of the browser, then look for the section on \
         content, and there for scripts. A page that says \"enable JavaScript\" is shown again after that. Ask the help desk \
         when it is not, and tell them which browser you have, which version, and what it shows in place of the page.",
        "Error 404: page not found is what people see most. This guide says how to write a better one, in four steps that \
         take an afternoon: say what happened, offer a search, offer the way back, and keep the tone of the rest of your \
         site. The examples are from shops, from newspapers and from a library that lost its catalogue in a fire.",
    ] {
        assert_eq!(code(text), None, "{text}");
    }
}

#[test]
fn characters_without_a_meaning_are_no_text() {
    for text in [
        "\u{FFFD}\u{FFFD}\u{FFFD} a \u{FFFD}",
        "\u{E001}\u{E014}\u{E02A} \u{E010}",
        "(cid:12)(cid:31)(cid:7) (cid:12)(cid:90)",
        "T\u{3}h\u{3}e\u{3} \u{1}\u{2}",
    ] {
        assert_eq!(code(text).as_deref(), Some("text_unreadable"), "{text:?}");
    }
    let signs = "$%&/ ()=?` ;:<> {[]} @+~' ".repeat(20);
    assert_eq!(code(&signs).as_deref(), Some("text_unreadable"));
    assert_eq!(code(&signs[..80]), None, "too short to tell");
}

#[test]
fn messages_in_place_of_content_are_no_content() {
    for text in [
        "Please wait...\nIf this message is not eventually\nreplaced with the proper contents of the document, your PDF viewer \
         may not be able to display this type of document.",
        "This document requires Adobe Reader 8 or higher.",
        "You need to enable JavaScript to run this app.",
        "# 404 Not Found\n\nnginx",
        "502 Bad Gateway",
        "For the best experience, open this PDF portfolio in Acrobat 9 or Adobe Reader 9, or later.",
    ] {
        assert_eq!(code(text).as_deref(), Some("placeholder_text"), "{text}");
    }
}

/// A document of pages with these texts, and with these reasons where they are not read.
fn document(converter: &str, pages: &[(u32, &str, Option<&str>)]) -> Document {
    let mut markdown = String::new();
    let mut parts = Vec::new();
    for (number, text, code) in pages {
        if !markdown.is_empty() && !text.is_empty() {
            markdown.push_str("\n\n");
        }
        parts.push(Part {
            start: markdown.len(),
            place: Place::page(*number),
            unread: code.map(|code| unread(code, "for a test")),
        });
        markdown.push_str(text);
    }
    Document {
        markdown,
        about: About {
            kind: DocumentKind::Office,
            mime: "application/pdf".to_owned(),
            title: None,
            converter: converter.to_owned(),
            warnings: vec![format!("by {converter}")],
            parts,
        },
    }
}

/// The text of each part, and whether it is read.
fn texts(document: &Document) -> Vec<(String, bool)> {
    let parts = &document.about.parts;
    let ends = parts.iter().skip(1).map(|part| part.start);
    let ends = ends.chain([document.markdown.len()]);
    let text = |(part, end): (&Part, usize)| {
        let text = document.markdown[part.start..end].trim_end();
        (text.to_owned(), part.unread.is_none())
    };
    parts.iter().zip(ends).map(text).collect()
}

#[test]
fn the_verdict_is_on_what_is_missing() {
    let ocr = Some("needs_ocr");
    assert_eq!(
        sufficient(&document("a", &[(1, "Text.", None), (2, "", None)])),
        Verdict::Sufficient
    );
    let partial = document("a", &[(1, "Text.", None), (2, "", ocr), (3, "", ocr)]);
    assert_eq!(
        sufficient(&partial),
        Verdict::Partial(vec![Place::page(2), Place::page(3)])
    );
    assert_eq!(unread_pages(&partial), [2, 3]);
    for pages in [
        &[(1, "", ocr)][..],
        &[(1, "", None), (2, "", ocr)],
        &[(1, "A stamp", ocr), (2, "7", ocr)],
    ] {
        let verdict = sufficient(&document("a", pages));
        assert!(
            matches!(&verdict, Verdict::Insufficient(why) if why.code == "needs_ocr"),
            "{verdict:?}"
        );
    }
    let rubbish = document("a", &[(1, "\u{FFFD}\u{FFFD}", None)]);
    assert!(matches!(sufficient(&rubbish), Verdict::Insufficient(why) if why.code == "text_unreadable"));
    let mut code = rubbish;
    code.about.kind = DocumentKind::Text;
    assert_eq!(
        sufficient(&code),
        Verdict::Sufficient,
        "text is what its author wrote"
    );
    assert!(matches!(sufficient(&document("a", &[])), Verdict::Insufficient(why) if why.code == "empty"));
}

#[test]
fn pages_inside_an_attachment_are_not_asked_for() {
    let mut document = document("a", &[(1, "Text.", None), (2, "", Some("needs_ocr"))]);
    document.about.parts[1].place = Place::page(2).inside("scan.pdf");
    assert_eq!(unread_pages(&document), [0; 0]);
}

#[test]
fn what_was_not_read_is_filled_in() {
    let ocr = Some("needs_ocr");
    let base = document(
        "pdf",
        &[(1, "One.", None), (2, "", ocr), (3, "Three.", None), (4, "", ocr)],
    );
    let better = document(
        "tesseract",
        &[(2, "Two.", None), (4, "", Some("converter_timeout"))],
    );
    let merged = merge(base, better);
    assert_eq!(merged.markdown, "One.\n\nTwo.\n\nThree.");
    assert_eq!(merged.about.converter, "pdf+tesseract");
    assert_eq!(merged.about.warnings, ["by pdf", "by tesseract"]);
    assert_eq!(unread_pages(&merged), [4]);
    assert_eq!(
        merged.place_at(merged.markdown.find("Two").unwrap()),
        Place::page(2)
    );
    assert_eq!(
        merged.place_at(merged.markdown.find("Three").unwrap()),
        Place::page(3)
    );
}

#[test]
fn nothing_taken_changes_nothing() {
    let base = document("pdf", &[(1, "One.", None), (2, "", Some("needs_ocr"))]);
    let other = document("tesseract", &[(1, "Other.", None), (3, "Three.", None)]);
    assert_eq!(merge(base.clone(), other), base);
}

#[test]
fn the_fuller_text_is_taken() {
    let stamp = document("pdf", &[(1, "Received on 3 May, office 17", Some("needs_ocr"))]);
    let less = merge(stamp.clone(), document("tesseract", &[(1, "Rec", None)]));
    assert_eq!(texts(&less), [("Received on 3 May, office 17".to_owned(), true)]);
    let more = merge(
        stamp,
        document(
            "tesseract",
            &[(1, "Received on 3 May, office 17. Dear Sirs,", None)],
        ),
    );
    assert!(more.markdown.ends_with("Dear Sirs,"));
}

#[test]
fn a_picture_may_have_no_text_and_a_damaged_page_not() {
    let nothing = || document("tesseract", &[(1, "", None)]);
    let picture = merge(document("pdf", &[(1, "", Some("needs_ocr"))]), nothing());
    assert_eq!(picture.unread().count(), 0);
    let damaged = merge(document("pdf", &[(1, "", Some("page_unreadable"))]), nothing());
    assert_eq!(damaged.unread().count(), 1);
}

#[test]
fn a_document_of_nothing_gives_way() {
    let merged = merge(document("pdf", &[]), document("tesseract", &[(1, "One.", None)]));
    assert_eq!(merged.markdown, "One.");
    assert_eq!(merged.about.converter, "pdf+tesseract");
    assert_eq!(merged.about.warnings, ["by pdf", "by tesseract"]);
}

fn any_pages() -> impl Strategy<Value = Vec<(u32, String, bool)>> {
    let page = (1_u32..8, "[a-zé日 \n]{0,12}", any::<bool>());
    prop::collection::vec(page, 0..8).prop_map(|mut pages| {
        pages.sort_by_key(|page| page.0);
        pages.dedup_by_key(|page| page.0);
        pages
    })
}

fn any_document(converter: &'static str) -> impl Strategy<Value = Document> {
    any_pages().prop_map(move |pages| {
        let pages: Vec<_> = pages
            .iter()
            .map(|(number, text, read)| (*number, &**text, (!read).then_some("needs_ocr")))
            .collect();
        document(converter, &pages)
    })
}

proptest! {
    #[test]
    fn judging_never_panics(text in any::<String>()) {
        // Either verdict will do.
        drop(judge(&text));
    }

    #[test]
    fn merging_keeps_what_was_read(base in any_document("a"), better in any_document("b")) {
        let merged = merge(base.clone(), better.clone());
        if base.about.parts.is_empty() {
            prop_assert_eq!(merged.markdown, better.markdown);
            return Ok(());
        }
        let mut last = 0;
        for part in &merged.about.parts {
            prop_assert!(part.start >= last && merged.markdown.is_char_boundary(part.start));
            last = part.start;
        }
        prop_assert_eq!(merged.about.parts.len(), base.about.parts.len());
        let better_texts = texts(&better);
        for ((was, is), part) in texts(&base).into_iter().zip(texts(&merged)).zip(&base.about.parts) {
            let other = better.about.parts.iter().position(|other| other.place == part.place);
            let other = other.map(|at| better_texts[at].clone());
            match other {
                _ if was.1 => prop_assert_eq!(is, was),
                Some((text, true)) => {
                    let longer = |a: &str, b: &str| a.chars().filter(|c| c.is_alphanumeric()).count() < b.chars().filter(|c| c.is_alphanumeric()).count();
                    let expected = if longer(&text, &was.0) { was.0 } else { text };
                    prop_assert_eq!(is, (expected.trim().to_owned(), true));
                }
                _ => prop_assert_eq!(is, was),
            }
        }
    }
}
