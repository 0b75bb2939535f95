use convert::{About, DocumentKind, Part, Place as DocumentPlace};

use super::*;
use crate::chunk::{Size, Strategy};

/// A document of parts, each with a short text.
fn document(parts: &[(DocumentPlace, &str)]) -> Document {
    let mut markdown = "# Mail\n\nSee below.\n\n".to_owned();
    let mut placed = Vec::new();
    for (place, text) in parts {
        placed.push(Part {
            start: markdown.len(),
            place: place.clone(),
            unread: None,
        });
        markdown.push_str(text);
        markdown.push_str("\n\n");
    }
    Document {
        markdown,
        about: About {
            kind: DocumentKind::Office,
            mime: "text/plain".to_owned(),
            title: Some("Mail".to_owned()),
            converter: "email".to_owned(),
            warnings: Vec::new(),
            parts: placed,
        },
    }
}

fn cut_up(parts: &[(DocumentPlace, &str)]) -> Vec<(String, String)> {
    let document = document(parts);
    let settings = ChunkSettings::new(Size::Characters(400), 0, Strategy::Auto).unwrap();
    let bm25 = Bm25::new("english").unwrap();
    for prepared in &cut(document.clone(), &settings, &bm25, false).chunks {
        assert_eq!(
            document.markdown[prepared.chunk.range.clone()],
            prepared.chunk.text,
            "ranges are those of the document"
        );
    }
    let chunks = cut(document, &settings, &bm25, false).chunks;
    chunks
        .into_iter()
        .map(|prepared| {
            let text = prepared.chunk.text.replace("\n\n", " / ");
            let path = prepared.chunk.heading_path.join(" > ");
            (prepared.place.to_string(), format!("[{path}] {text}"))
        })
        .collect()
}

fn said(chunks: &[(String, String)]) -> Vec<String> {
    chunks
        .iter()
        .map(|(place, text)| format!("{place}: {text}"))
        .collect()
}

#[test]
fn no_chunk_spans_two_slides_sheets_or_attachments() {
    let chunks = cut_up(&[
        (DocumentPlace::slide(1), "## One\n\nfirst"),
        (DocumentPlace::slide(2), "## Two\n\nsecond"),
        (DocumentPlace::sheet("Sum"), "third"),
        (DocumentPlace::page(7).inside("a.pdf"), "fourth"),
    ]);
    assert_eq!(
        said(&chunks),
        [
            ": [Mail] # Mail / See below.",
            "slide 1: [One] ## One / first",
            "slide 2: [Two] ## Two / second",
            "sheet Sum: [] third",
            "a.pdf, page 7: [Mail] fourth",
        ]
    );
}

#[test]
fn a_chunk_of_several_pages_names_the_first_and_the_last() {
    let chunks = cut_up(&[
        (DocumentPlace::page(1), "one goes"),
        (DocumentPlace::page(2), "on"),
        (DocumentPlace::page(3), "to three"),
    ]);
    assert_eq!(chunks.len(), 2, "{chunks:?}");
    assert_eq!(chunks[1].0, "pages 1-3");
}
