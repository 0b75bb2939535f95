//! Tables that services give as HTML.

use convert::{Input, Options};

/// A table as GitHub writes it, by the converter of HTML; `None` when that gives nothing.
pub(super) fn github(html: &str) -> Option<String> {
    let page = format!("<!DOCTYPE html><html><body>{html}</body></html>");
    let input = Input {
        name: "table.html",
        bytes: page.as_bytes(),
        content_type: Some("text/html; charset=utf-8"),
    };
    let markdown = convert::convert(&input, &Options::default()).ok()?.markdown;
    let markdown = markdown.trim();
    (!markdown.is_empty()).then(|| markdown.to_owned())
}

/// Whether each of its cells is in one row and one column, and holds no table: others cannot be told in GitHub's form.
pub(super) fn is_simple(html: &str) -> bool {
    let lower = html.to_ascii_lowercase();
    let spans = |attribute: &str| {
        lower.match_indices(attribute).any(|(at, _)| {
            let value = lower[at + attribute.len()..].trim_start_matches(['=', '"', '\'', ' ']);
            !value.starts_with(['"', '\'', ' ', '>']) && !is_one(value)
        })
    };
    lower.matches("<table").count() == 1 && !spans("colspan") && !spans("rowspan")
}

fn is_one(value: &str) -> bool {
    let digits = value.split(|c: char| !c.is_ascii_digit()).next();
    digits == Some("1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_tables_by_table() {
        assert!(is_simple("<table><tr><td>a</td></tr></table>"));
        assert!(is_simple(
            "<table><tr><td colspan=\"1\" rowspan=1>a</td></tr></table>"
        ));
        assert!(!is_simple("<table><tr><td colspan=\"2\">a</td></tr></table>"));
        assert!(!is_simple("<table><tr><td ROWSPAN='12'>a</td></tr></table>"));
        assert!(!is_simple("<table><tr><td><table></table></td></tr></table>"));
        assert!(!is_simple("no table"));
    }

    #[test]
    fn a_table_in_the_form_of_github() {
        let html = "<table><tr><th>a</th><th>b</th></tr><tr><td>1 | 2</td><td>zw&ouml;lf</td></tr></table>";
        assert_eq!(
            github(html).unwrap(),
            "| a | b |\n| --- | --- |\n| 1 \\| 2 | zwölf |"
        );
        assert_eq!(github(""), None);
    }
}
