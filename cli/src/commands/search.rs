//! `longshore search QUERY`.

use console::Style;
use control_plane::search::{SearchAnswer, SearchHit, SearchQuery};
use shared::vectors::SearchMode;

use crate::args::{DataArgs, Mode, SearchArgs};
use crate::client::Client;
use crate::output::{line, note, width};

pub(crate) async fn run(data: &DataArgs, args: SearchArgs) -> anyhow::Result<u8> {
    let client = Client::connect(data).await?;
    let wanted = SearchQuery {
        query: args.query,
        mode: args.mode.map(|mode| match mode {
            Mode::Vector => SearchMode::Vector,
            Mode::FullText => SearchMode::FullText,
            Mode::Hybrid => SearchMode::Hybrid,
        }),
        limit: args.limit,
        ..SearchQuery::default()
    };
    let found: anyhow::Result<SearchAnswer> = client
        .post(
            &client.of_index(&["search"]),
            &[],
            Some(serde_json::to_value(&wanted)?),
        )
        .await;
    client.close().await?;
    let answer = found?;
    if args.json {
        line(&serde_json::to_string_pretty(&answer)?);
    } else if answer.hits.is_empty() {
        note("nothing found");
    } else {
        answer
            .hits
            .iter()
            .zip(1..)
            .for_each(|(hit, place)| print(hit, place));
    }
    Ok(0)
}

fn print(hit: &SearchHit, place: usize) {
    let (strong, faint, mark) = (
        Style::new().bold(),
        Style::new().dim(),
        Style::new().yellow().bold(),
    );
    let place_in_file = match hit.place.to_string() {
        nowhere if nowhere.is_empty() => nowhere,
        place => format!("  {place}"),
    };
    line(&format!(
        "{place:>2}. {}{place_in_file}  {}",
        strong.apply_to(&hit.path),
        faint.apply_to(format!("{:.3}", hit.score))
    ));
    if !hit.heading_path.is_empty() {
        line(&format!(
            "    {}",
            Style::new().cyan().apply_to(hit.heading_path.join(" › "))
        ));
    }
    for text in wrap(&hit.snippet, &hit.highlights, width().saturating_sub(4)) {
        let mut out = String::from("    ");
        for (piece, marked) in text {
            if marked {
                out.push_str(&mark.apply_to(piece).to_string());
            } else {
                out.push_str(piece);
            }
        }
        line(&out);
    }
    line("");
}

/// Lines of at most `width` characters, each as pieces that are marked or not.
fn wrap<'a>(text: &'a str, marks: &[std::ops::Range<usize>], width: usize) -> Vec<Vec<(&'a str, bool)>> {
    let mut lines = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let end = match rest.char_indices().nth(width) {
            None => text.len(),
            Some((cut, _)) => start + rest[..cut].rfind(' ').filter(|space| *space > 0).unwrap_or(cut),
        };
        lines.push(pieces(text, start, end, marks));
        start = end + usize::from(text[end..].starts_with(' '));
    }
    lines
}

fn pieces<'a>(
    text: &'a str,
    start: usize,
    end: usize,
    marks: &[std::ops::Range<usize>],
) -> Vec<(&'a str, bool)> {
    let mut pieces = Vec::new();
    let mut at = start;
    for mark in marks.iter().filter(|mark| mark.start < end && mark.end > start) {
        let (from, to) = (mark.start.max(at), mark.end.min(end));
        if from > at {
            pieces.push((&text[at..from], false));
        }
        if to > from {
            pieces.push((&text[from..to], true));
        }
        at = to.max(at);
    }
    if at < end {
        pieces.push((&text[at..end], false));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_keep_their_marks() {
        let lines = wrap("one two three four", &[4..7, 8..13], 9);
        assert_eq!(
            lines,
            [
                vec![("one ", false), ("two", true)],
                vec![("three", true)],
                vec![("four", false)]
            ]
        );
    }

    #[test]
    fn a_word_longer_than_the_line_is_cut() {
        let lines = wrap("abcdefgh", std::slice::from_ref(&(2..6)), 4);
        assert_eq!(
            lines,
            [
                vec![("ab", false), ("cd", true)],
                vec![("ef", true), ("gh", false)]
            ]
        );
        assert_eq!(wrap("üüüü", &[], 2).len(), 2);
    }
}
