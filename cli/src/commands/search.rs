//! `longshore search QUERY`.

mod filter;

use clap::{Args, ValueEnum};
use console::Style;
use control_plane::search::{Diversify, Highlight, SearchAnswer, SearchHit, SearchQuery};
use shared::vectors::SearchMode;

use self::filter::FilterArgs;
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::{line, note, width};

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// What to look for.
    query: String,

    /// How [default: hybrid with an embedding model, else full_text].
    #[arg(long, value_enum)]
    mode: Option<Mode>,

    /// Most results.
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    limit: usize,

    /// Results to leave out from the start.
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: usize,

    /// Only results with at least this score.
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    min_score: Option<f32>,

    /// Only the best result of each file.
    #[arg(long)]
    by_file: bool,

    /// Prefer results that say something else than those before: from 0 (relevance alone) to 1 (difference alone).
    #[arg(long, value_name = "SHARE")]
    diversify: Option<f32>,

    /// With --json: also give the snippets with their matching words marked up.
    #[arg(long)]
    highlight: bool,

    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Mode {
    /// Nearest in meaning.
    Vector,
    /// Sharing words (BM25).
    FullText,
    /// Both, merged by rank.
    Hybrid,
}

impl From<Mode> for SearchMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Vector => Self::Vector,
            Mode::FullText => Self::FullText,
            Mode::Hybrid => Self::Hybrid,
        }
    }
}

pub(crate) async fn run(client: &Client, args: SearchArgs) -> anyhow::Result<Exit> {
    let first = args.offset + 1;
    let wanted = SearchQuery {
        query: args.query,
        mode: args.mode.map(SearchMode::from),
        limit: args.limit,
        offset: args.offset,
        min_score: args.min_score,
        group_by_file: args.by_file,
        diversify: args.diversify.map(Diversify::Share),
        filter: args.filter.into_filter()?,
        highlight: args.highlight.then(Highlight::default),
    };
    let request = Request::post(client.of_index(&["search"]).await?).body(&wanted)?;
    client.show(request, |answer| show(answer, first)).await?;
    Ok(Exit::Ok)
}

fn show(answer: &SearchAnswer, first: usize) {
    for degraded in &answer.degraded {
        note(&format!("note: {}", degraded.detail));
    }
    if answer.hits.is_empty() {
        note("nothing found");
    }
    for (hit, place) in answer.hits.iter().zip(first..) {
        print(hit, place);
    }
    if let Some(next) = answer.next_offset {
        note(&format!("there is more: --offset {next}"));
    }
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
