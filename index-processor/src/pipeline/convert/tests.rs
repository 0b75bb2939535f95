use convert::{About, DocumentKind, Part, Unread};

use super::*;

fn lacking(places: &[(DocumentPlace, &str)]) -> Document {
    let parts = places.iter().map(|(place, code)| Part {
        start: 0,
        place: place.clone(),
        unread: (!code.is_empty()).then(|| Unread {
            code: (*code).to_owned(),
            reason: format!("because of {code}"),
        }),
    });
    Document {
        markdown: String::new(),
        about: About {
            kind: DocumentKind::Office,
            mime: "application/pdf".to_owned(),
            title: None,
            converter: "pdf".to_owned(),
            warnings: Vec::new(),
            parts: parts.collect(),
        },
    }
}

fn told(document: &Document) -> Vec<String> {
    let told = missing(document);
    told.iter()
        .map(|missing| format!("{} {missing}", missing.count))
        .collect()
}

#[test]
fn a_whole_document_lacks_nothing() {
    assert_eq!(told(&lacking(&[(DocumentPlace::page(1), "")])), [""; 0]);
}

#[test]
fn pages_with_the_same_reason_are_one_line() {
    let pages = [3, 4, 5, 9].map(|page| (DocumentPlace::page(page), "needs_ocr"));
    let other = [
        (DocumentPlace::page(1), ""),
        (DocumentPlace::page(7), "page_unreadable"),
    ];
    assert_eq!(
        told(&lacking(&[&pages[..], &other].concat())),
        [
            "4 pages 3-5, 9: because of needs_ocr (needs_ocr)",
            "1 page 7: because of page_unreadable (page_unreadable)"
        ]
    );
}

#[test]
fn attachments_are_named() {
    let whole = |name| DocumentPlace::default().inside(name);
    let inside = |page| DocumentPlace::page(page).inside("report.pdf");
    assert_eq!(
        told(&lacking(&[
            (whole("a.docx"), "password_protected"),
            (whole("b.docx"), "password_protected"),
            (inside(1), "needs_ocr"),
            (inside(2), "needs_ocr"),
            (DocumentPlace::sheet("Sum"), "corrupt"),
        ])),
        [
            "2 a.docx, b.docx: because of password_protected (password_protected)",
            "2 report.pdf, pages 1-2: because of needs_ocr (needs_ocr)",
            "1 sheet Sum: because of corrupt (corrupt)",
        ]
    );
}

#[test]
fn what_a_row_keeps_is_bounded() {
    let codes: Vec<String> = (0..1000).map(|number| format!("code_{number}")).collect();
    let places: Vec<_> = codes
        .iter()
        .map(|code| (DocumentPlace::page(1), code.as_str()))
        .collect();
    assert_eq!(missing(&lacking(&places)).len(), MOST_KINDS);
    let names: Vec<_> = (0..1000)
        .map(|n| (DocumentPlace::default().inside(&format!("{n}.docx")), "corrupt"))
        .collect();
    let told = told(&lacking(&names));
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("9.docx, and 990 more"), "{told:?}");
}
