//! Markdown from elements.

use convert::{FileType, Place};
use serde::Deserialize;

use super::super::pages::{PageText, place};
use super::super::tables;

/// Deepest level of headings that Markdown has.
const MAX_HEADING: u32 = 6;
/// Deepest list item; each level indents it further.
const MAX_INDENT: u32 = 8;

/// One element, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Element {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    page_number: Option<u32>,
    /// The name of the sheet.
    page_name: Option<String>,
    text_as_html: Option<String>,
    category_depth: Option<u32>,
}

/// The texts of pages, slides and sheets, in the order in which they come.
pub(super) fn texts(elements: &[Element], file_type: FileType) -> Vec<PageText> {
    let mut texts: Vec<PageText> = Vec::new();
    let mut was_item = false;
    for element in elements {
        let Some(block) = block(element) else {
            continue;
        };
        let is_item = element.kind == "ListItem" || is_check_box(&element.kind);
        let place = match element.place(file_type) {
            // Elements that do not tell belong to what is before them.
            None => texts.last().and_then(|text| text.place.clone()),
            some => some,
        };
        match texts.last_mut().filter(|text| text.place == place) {
            Some(text) => {
                text.markdown
                    .push_str(if is_item && was_item { "\n" } else { "\n\n" });
                text.markdown.push_str(&block);
            }
            None => texts.push(PageText {
                place,
                markdown: block,
                unread: None,
            }),
        }
        was_item = is_item;
    }
    texts
}

impl Element {
    fn place(&self, file_type: FileType) -> Option<Place> {
        if matches!(file_type, FileType::Xlsx | FileType::Xls) {
            return self.metadata.page_name.clone().map(Place::sheet);
        }
        place(file_type, self.metadata.page_number?)
    }
}

/// An element as a block of Markdown; `None` for what says nothing.
fn block(element: &Element) -> Option<String> {
    let Element { kind, text, metadata } = element;
    if matches!(kind.as_str(), "Header" | "Footer" | "PageNumber" | "PageBreak") {
        return None;
    }
    let table = (kind == "Table")
        .then(|| metadata.text_as_html.as_deref().and_then(tables::github))
        .flatten();
    if table.is_some() {
        return table;
    }
    if text.trim().is_empty() {
        return None;
    }
    let line = || text.split_whitespace().collect::<Vec<_>>().join(" ");
    let depth = metadata.category_depth;
    Some(match kind.as_str() {
        // Without a depth it is some heading, not the title of the whole.
        "Title" => {
            let level = depth.map_or(2, |depth| depth.saturating_add(1)).min(MAX_HEADING);
            format!("{} {}", "#".repeat(level as usize), line())
        }
        "ListItem" => {
            let indent = "  ".repeat(depth.unwrap_or(0).min(MAX_INDENT) as usize);
            let item = line();
            let item = item.trim_start_matches(['-', '•', '*', '·']).trim_start();
            format!("{indent}- {item}")
        }
        "Checked" | "CheckBoxChecked" => format!("- [x] {}", line()),
        "Unchecked" | "CheckBoxUnchecked" => format!("- [ ] {}", line()),
        "CodeSnippet" => fenced(text),
        _ => escaped(text.trim()),
    })
}

fn is_check_box(kind: &str) -> bool {
    matches!(
        kind,
        "Checked" | "CheckBoxChecked" | "Unchecked" | "CheckBoxUnchecked"
    )
}

/// A block of code, in a fence that is longer than any within.
fn fenced(code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{}\n{fence}", code.trim_matches('\n'))
}

/// A paragraph whose lines do not become something else by how they start.
fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim();
        if line.starts_with(['#', '>', '|']) || line.starts_with("```") || line.starts_with("~~~") {
            format!("\\{line}")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markdown(json: serde_json::Value, file_type: FileType) -> Vec<PageText> {
        let elements: Vec<Element> = serde_json::from_value(json).unwrap();
        texts(&elements, file_type)
    }

    #[test]
    fn every_kind_of_element() {
        let elements = serde_json::json!([
            {"type": "Header", "text": "ACME confidential"},
            {"type": "Title", "text": "Annual\nreport", "metadata": {"category_depth": 0}},
            {"type": "Title", "text": "Results"},
            {"type": "Title", "text": "Deep", "metadata": {"category_depth": 4_000_000_000_u32}},
            {"type": "NarrativeText", "text": "# 1 in sales"},
            {"type": "ListItem", "text": "• apples"},
            {"type": "ListItem", "text": "green ones", "metadata": {"category_depth": 1}},
            {"type": "CheckBoxChecked", "text": "agreed"},
            {"type": "CodeSnippet", "text": "let a = \"```\";"},
            {"type": "Table", "text": "a b 1 2", "metadata": {"text_as_html":
                "<table><tr><th>a</th><th>b</th></tr><tr><td>1 | 2</td><td>zwölf</td></tr></table>"}},
            {"type": "Table", "text": "only text"},
            {"type": "Image", "text": ""},
            {"type": "PageNumber", "text": "7"},
        ]);
        let texts = markdown(elements, FileType::Docx);
        let [text] = texts.as_slice() else {
            panic!("{texts:?}");
        };
        insta::assert_snapshot!(text.markdown);
    }

    #[test]
    fn pages_slides_and_sheets() {
        let elements = serde_json::json!([
            {"type": "NarrativeText", "text": "one", "metadata": {"page_number": 1, "page_name": "Sales"}},
            {"type": "NarrativeText", "text": "still one"},
            {"type": "NarrativeText", "text": "three", "metadata": {"page_number": 3, "page_name": "Costs"}},
        ]);
        let places = |file_type| {
            let texts = markdown(elements.clone(), file_type);
            texts
                .into_iter()
                .map(|text| (text.place.unwrap_or_default().to_string(), text.markdown))
                .collect::<Vec<_>>()
        };
        let expected = |first: &str, second: &str| {
            vec![
                (first.to_owned(), "one\n\nstill one".to_owned()),
                (second.to_owned(), "three".to_owned()),
            ]
        };
        assert_eq!(places(FileType::Pdf), expected("page 1", "page 3"));
        assert_eq!(places(FileType::Pptx), expected("slide 1", "slide 3"));
        assert_eq!(places(FileType::Xlsx), expected("sheet Sales", "sheet Costs"));
        assert_eq!(
            places(FileType::Docx),
            vec![(String::new(), "one\n\nstill one\n\nthree".to_owned())]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_elements_give_text(
            elements in proptest::collection::vec(
                ("Title|ListItem|Table|CodeSnippet|Header|Other|", "[ -~\n`é]{0,20}", 0u32..5, 0u32..40, "(<t[dr]>|</?table>|[a-z|]){0,6}"),
                0..12,
            ),
        ) {
            let json = elements.iter().map(|(kind, text, page, depth, html)| serde_json::json!({
                "type": kind, "text": text,
                "metadata": {"page_number": page, "category_depth": depth, "text_as_html": html},
            }));
            let texts = markdown(json.collect(), FileType::Pdf);
            proptest::prop_assert!(texts.iter().all(|text| text.place.is_some() && !text.markdown.is_empty()));
        }
    }
}
