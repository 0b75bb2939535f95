//! Running headers and footers: lines at the top or bottom of pages that say the same again and again, apart from numbers.
//!
//! The first one of each stays, unless it is nothing but a page number: what it says (the report's name, who may read it)
//! belongs to the document, once.

use std::collections::{HashMap, HashSet};

use super::pages::Page;

/// How many blocks from the top, and from the bottom, may be furniture.
const BLOCKS: usize = 3;

/// Longest header or footer, in bytes.
const LONGEST: usize = 250;

/// Fewest pages that a line is on before it is one that repeats.
const FEWEST: usize = 3;

/// Of the pages between the first and the last one with the line, at least one in this many has it: left and right pages
/// may have different ones, and chapters begin without.
const ONE_IN: u32 = 3;

/// Where on a page.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Edge {
    Top,
    Bottom,
}

/// Removes running headers and footers from the pages, in their order.
pub(super) fn remove(pages: &mut [Page]) {
    let repeated = repeated(pages);
    if repeated.is_empty() {
        return;
    }
    let mut said = HashSet::new();
    for page in pages {
        for edge in [Edge::Top, Edge::Bottom] {
            strip(page, edge, &repeated, &mut said);
        }
    }
}

type Line = (Edge, String);

/// The lines that repeat.
fn repeated(pages: &[Page]) -> HashSet<Line> {
    struct Seen {
        pages: usize,
        first: u32,
        last: u32,
    }
    let mut seen: HashMap<Line, Seen> = HashMap::new();
    for page in pages {
        let mut on_page = HashSet::new();
        for edge in [Edge::Top, Edge::Bottom] {
            on_page.extend(at_edge(page, edge).filter_map(|block| Some((edge, shape(block)?))));
        }
        for line in on_page {
            let seen = seen.entry(line).or_insert(Seen {
                pages: 0,
                first: page.number,
                last: page.number,
            });
            seen.pages += 1;
            seen.last = page.number;
        }
    }
    let is_dense = |seen: &Seen| {
        let span = seen.last.saturating_sub(seen.first) + 1;
        seen.pages >= FEWEST && seen.pages as u64 * u64::from(ONE_IN) >= u64::from(span)
    };
    seen.into_iter()
        .filter(|(_, seen)| is_dense(seen))
        .map(|(line, _)| line)
        .collect()
}

fn at_edge(page: &Page, edge: Edge) -> impl Iterator<Item = &String> {
    let (from_top, from_bottom) = match edge {
        Edge::Top => (BLOCKS, 0),
        Edge::Bottom => (0, BLOCKS),
    };
    let blocks = &page.blocks;
    let top = blocks.iter().take(from_top);
    top.chain(blocks.iter().rev().take(from_bottom))
}

/// Takes the furniture off one edge, from the outside in. A page of nothing else is left as it is when it shows nothing
/// else either: what repeats is then its content.
fn strip(page: &mut Page, edge: Edge, repeated: &HashSet<Line>, said: &mut HashSet<Line>) {
    let is_furniture = |block: &String| shape(block).is_some_and(|shape| repeated.contains(&(edge, shape)));
    let depth = at_edge(page, edge)
        .take_while(|block| is_furniture(block))
        .count();
    if depth == 0 || (depth >= page.blocks.len() && page.facts.images == 0) {
        return;
    }
    let mut at = 0;
    let edge_starts = match edge {
        Edge::Top => 0,
        Edge::Bottom => page.blocks.len() - depth,
    };
    page.blocks.retain(|block| {
        let is_at_edge = (edge_starts..edge_starts + depth).contains(&at);
        at += 1;
        if !is_at_edge {
            return true;
        }
        let Some(shape) = shape(block) else { return true };
        !is_page_number(&shape) && said.insert((edge, shape))
    });
}

/// What makes two lines the same: their words, with any number for any number. `None` for what is no header or footer.
fn shape(block: &str) -> Option<String> {
    let text = block.trim();
    if text.is_empty() || text.len() > LONGEST || text.lines().count() > 2 || text.starts_with('|') {
        return None;
    }
    let mut shape = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_numeric() {
            if !shape.ends_with('0') {
                shape.push('0');
            }
        } else if character.is_whitespace() {
            if !shape.is_empty() && !shape.ends_with(' ') {
                shape.push(' ');
            }
        } else if !matches!(character, '*' | '_' | '#' | '\\') {
            shape.extend(character.to_lowercase());
        }
    }
    shape.truncate(shape.trim_end().len());
    (!shape.is_empty()).then_some(shape)
}

/// Is nothing left of the line without its number?
fn is_page_number(shape: &str) -> bool {
    shape
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty())
        .all(|word| {
            matches!(
                word,
                "page" | "p" | "pg" | "of" | "seite" | "von" | "de" | "página" | "sur" | "pagina"
            )
        })
}

#[cfg(test)]
mod tests;
