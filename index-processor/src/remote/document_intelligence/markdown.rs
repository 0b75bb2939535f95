//! From the Markdown of the service to ours: without the marks of pages, and with tables as GitHub writes them.

use convert::FileType;

use super::super::pages::{PageText, place};
use super::super::tables;
use super::operation::Analysis;

/// Between pages.
const PAGE_BREAK: &str = "<!-- PageBreak -->";
/// How its comments start: page breaks, numbers, running heads and feet.
const COMMENT: &str = "<!-- Page";
/// Tags around text that say nothing to a reader of Markdown.
const TAGS: [&str; 4] = ["<figure>", "</figure>", "<figcaption>", "</figcaption>"];

/// The texts of the pages or slides.
pub(super) fn texts(analysis: &Analysis, file_type: FileType) -> Vec<PageText> {
    if place(file_type, 1).is_none() {
        return vec![PageText {
            markdown: clean(&analysis.content),
            ..PageText::default()
        }];
    }
    let sections = by_spans(analysis).unwrap_or_else(|| by_breaks(analysis));
    sections
        .into_iter()
        .map(|(number, section)| PageText {
            place: place(file_type, number),
            markdown: clean(section),
            unread: None,
        })
        .collect()
}

/// Cuts where the service says that pages start; `None` when that is no order of pages.
fn by_spans(analysis: &Analysis) -> Option<Vec<(u32, &str)>> {
    let starts: Vec<(u32, usize)> = analysis
        .pages
        .iter()
        .map(|page| Some((page.page_number, page.spans.first()?.offset)))
        .collect::<Option<_>>()?;
    if starts.is_empty() || !starts.is_sorted_by_key(|(_, offset)| *offset) {
        return None;
    }
    let content = analysis.content.as_str();
    let mut characters = content.char_indices().map(|(at, _)| at).chain([content.len()]);
    let mut passed = 0;
    let mut cuts = Vec::with_capacity(starts.len() + 1);
    let mut at = 0;
    for (index, &(_, offset)) in starts.iter().enumerate() {
        while passed <= offset {
            at = characters.next()?;
            passed += 1;
        }
        // What is before the first page is on it.
        cuts.push(if index == 0 { 0 } else { at });
    }
    cuts.push(content.len());
    let numbers = starts.iter().map(|(number, _)| *number);
    Some(
        numbers
            .zip(cuts.windows(2).map(|cut| &content[cut[0]..cut[1]]))
            .collect(),
    )
}

/// Cuts at the marks between pages.
fn by_breaks(analysis: &Analysis) -> Vec<(u32, &str)> {
    let numbers = analysis.pages.iter().map(|page| page.page_number);
    let last = numbers.clone().max().unwrap_or(0);
    let sections = analysis.content.split(PAGE_BREAK);
    numbers.chain(last + 1..).zip(sections).collect()
}

fn clean(content: &str) -> String {
    let mut text = without_comments(content);
    for tag in TAGS {
        if text.contains(tag) {
            text = text.replace(tag, "");
        }
    }
    collapsed(&with_tables(&text))
}

fn without_comments(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find(COMMENT) {
        let Some(length) = rest[at..].find("-->") else {
            break;
        };
        out.push_str(&rest[..at]);
        rest = &rest[at + length + "-->".len()..];
    }
    out.push_str(rest);
    out
}

fn with_tables(content: &str) -> String {
    const END: &str = "</table>";
    let mut out = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find("<table") {
        let Some(length) = rest[at..].find(END) else {
            break;
        };
        let end = at + length + END.len();
        let html = &rest[at..end];
        out.push_str(&rest[..at]);
        match tables::is_simple(html).then(|| tables::github(html)).flatten() {
            Some(table) => {
                out.push_str("\n\n");
                out.push_str(&table);
                out.push_str("\n\n");
            }
            None => out.push_str(html),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// At most one blank line in a row.
fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines() {
        let line = line.trim_end();
        if line.is_empty() && blank {
            continue;
        }
        blank = line.is_empty();
        out.push_str(line);
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysis(json: serde_json::Value) -> Analysis {
        serde_json::from_value(json).unwrap()
    }

    fn shown(analysis: &Analysis, file_type: FileType) -> Vec<(String, String)> {
        texts(analysis, file_type)
            .into_iter()
            .map(|text| (text.place.unwrap_or_default().to_string(), text.markdown))
            .collect()
    }

    #[test]
    fn offsets_are_code_points() {
        let content =
            "<!-- PageHeader=\"𝔸CME\" -->\nÜber 𝔸lles\n<!-- PageBreak -->\nzwei\n<!-- PageNumber=\"2\" -->\n";
        let second = content.chars().position(|c| c == 'z').unwrap();
        let analysis = analysis(serde_json::json!({
            "content": content,
            "pages": [
                {"pageNumber": 4, "spans": [{"offset": 0, "length": second}]},
                {"pageNumber": 9, "spans": [{"offset": second, "length": 5}]},
                {"pageNumber": 10, "spans": [{"offset": content.chars().count(), "length": 0}]},
            ],
        }));
        let page = |number: u32, text: &str| (format!("page {number}"), text.to_owned());
        assert_eq!(
            shown(&analysis, FileType::Pdf),
            [page(4, "Über 𝔸lles"), page(9, "zwei"), page(10, "")]
        );
        assert_eq!(
            shown(&analysis, FileType::Docx),
            [(String::new(), "Über 𝔸lles\n\nzwei".to_owned())],
            "pages of a Word file are made up"
        );
    }

    #[test]
    fn odd_offsets_are_not_trusted() {
        let content = "one\n<!-- PageBreak -->\ntwo";
        for offsets in [[9, 0], [0, 1_000_000]] {
            let pages = [3, 5].into_iter().zip(offsets).map(|(number, offset)| {
                serde_json::json!({"pageNumber": number, "spans": [{"offset": offset, "length": 1}]})
            });
            let analysis = analysis(serde_json::json!({
                "content": content, "pages": pages.collect::<Vec<_>>(),
            }));
            assert_eq!(
                shown(&analysis, FileType::Pdf),
                [
                    ("page 3".to_owned(), "one".to_owned()),
                    ("page 5".to_owned(), "two".to_owned())
                ]
            );
        }
    }

    #[test]
    fn tables_figures_and_marks() {
        let content = "# Sales\n<!-- PageHeader=\"ACME\" -->\n\n\n<table>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n</table>\n\nthen\n\n<table><tr><td colspan=\"2\">wide</td></tr><tr><td>1</td><td>2</td></tr></table>\n\n<figure>\n<figcaption>Fig. 1</figcaption>\n\n☒ yes\n\n</figure>\n\n<!-- PageFooter=\"end\" -->";
        insta::assert_snapshot!(clean(content));
    }

    #[test]
    fn what_is_not_closed_stays() {
        assert_eq!(clean("a <table><tr>"), "a <table><tr>");
        assert_eq!(clean("a <!-- PageBreak"), "a <!-- PageBreak");
        assert_eq!(clean("a <!-- mine -->"), "a <!-- mine -->");
    }

    proptest::proptest! {
        #[test]
        fn any_answer_gives_text(
            pieces in proptest::collection::vec("<!-- Page(Break|Number=\"[0-9]\")? ?-->|-->|</?table>|<td( colspan=\"?[0-9]?)?|[ -~é𝔸]{0,8}", 0..20),
            offsets in proptest::collection::vec(0usize..60, 0..6),
        ) {
            let content = pieces.concat();
            let pages: Vec<_> = offsets
                .iter()
                .zip(1..)
                .map(|(offset, number)| serde_json::json!({"pageNumber": number, "spans": [{"offset": offset}]}))
                .collect();
            let analysis = analysis(serde_json::json!({"content": content, "pages": pages}));
            for file_type in [FileType::Pdf, FileType::Docx] {
                let length: usize = texts(&analysis, file_type).iter().map(|text| text.markdown.len()).sum();
                proptest::prop_assert!(length <= 8 * content.len() + 8);
            }
        }
    }
}
