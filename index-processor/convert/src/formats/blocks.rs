//! Blocks of Markdown: text set in so that it stays what it is, and one document's Markdown set into another's.

use std::borrow::Cow;

use crate::charset::unix_lines;
use crate::formats::front_matter;

/// Longest heading or label, in characters.
const MAX_LINE: usize = 200;

/// Starts a new block.
pub(super) fn push_gap(out: &mut String) {
    if out.is_empty() || out.ends_with("\n\n") {
        return;
    }
    out.push_str(if out.ends_with('\n') { "\n" } else { "\n\n" });
}

/// A text on one line, without control characters, and not endless.
pub(super) fn one_line(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .peekable();
    let mut length = 0;
    while let Some(character) = characters.next() {
        if character.is_whitespace() {
            let more = characters.peek().is_some_and(|next| !next.is_whitespace());
            if more && !out.is_empty() {
                out.push(' ');
                length += 1;
            }
            continue;
        }
        if length >= MAX_LINE {
            out.push('…');
            break;
        }
        out.push(character);
        length += 1;
    }
    out
}

/// Characters that turn the direction of the text around them, and so make a name look like another one.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A heading of level 1 to 6, as a block.
pub(super) fn push_heading(out: &mut String, level: usize, text: &str) {
    push_gap(out);
    out.extend(std::iter::repeat_n('#', level.clamp(1, 6)));
    out.push(' ');
    out.push_str(&one_line(text));
    out.push_str("\n\n");
}

/// A code block, with a fence that nothing in the text closes.
pub(super) fn push_fenced(out: &mut String, language: &str, text: &str) {
    let text = text.trim_matches('\n');
    let mut longest = 0;
    let mut run = 0;
    for byte in text.bytes() {
        run = if byte == b'`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    push_gap(out);
    out.push_str(&fence);
    out.push_str(language);
    out.push('\n');
    out.push_str(text);
    out.push('\n');
    out.push_str(&fence);
    out.push('\n');
}

/// Plain text as paragraphs. What would be a heading, a fence, a rule or a tag at the start of a line is escaped; lists and
/// quotations read the same in either.
pub(super) fn push_plain(out: &mut String, text: &str) {
    push_gap(out);
    // A lone carriage return ends a line too.
    let text = unix_lines(Cow::Borrowed(text));
    let mut blank = true;
    for line in text.lines() {
        let line = line.trim_end();
        let content = line.trim_start();
        if content.is_empty() {
            if !blank {
                out.push('\n');
            }
            blank = true;
            continue;
        }
        blank = false;
        if means_something(content) {
            out.push_str(&line[..line.len() - content.len()]);
            out.push('\\');
            out.push_str(content);
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// Would the line end a paragraph, or take the lines below it with it?
fn means_something(line: &str) -> bool {
    line.starts_with("```")
        || line.starts_with("~~~")
        || line.starts_with('<')
        || heading_level(line).is_some()
        || underline(line).is_some()
}

/// The level of a heading `# like this`.
fn heading_level(line: &str) -> Option<usize> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    ((1..=6).contains(&level) && (text.is_empty() || text.starts_with([' ', '\t']))).then_some(level)
}

/// The level of the heading that this line underlines.
fn underline(line: &str) -> Option<usize> {
    let line = line.trim_end();
    [('=', 1), ('-', 2)]
        .into_iter()
        .find(|(mark, _)| !line.is_empty() && line.chars().all(|c| c == *mark))
        .map(|(_, level)| level)
}

/// A Markdown file as a block of another: its front matter as code, its headings `levels` deeper.
pub(super) fn push_markdown_file(out: &mut String, markdown: &str, levels: usize) {
    let body = match front_matter::split(markdown) {
        Some((settings, body)) => {
            if !settings.trim().is_empty() {
                let language = if markdown.starts_with("+++") {
                    "toml"
                } else {
                    "yaml"
                };
                push_fenced(out, language, settings);
            }
            body
        }
        None => markdown,
    };
    push_markdown(out, body, levels, &[]);
}

/// Markdown as a block of another document: its headings become `levels` deeper, runs of blank lines one, and a code block
/// that it leaves open is closed, so that what follows is not code. `starts` are offsets in `markdown`, ascending; returned are the same places in
/// `out`.
pub(super) fn push_markdown(out: &mut String, markdown: &str, levels: usize, starts: &[usize]) -> Vec<usize> {
    push_gap(out);
    let mut moved = Vec::with_capacity(starts.len());
    let mut starts = starts.iter().copied().peekable();
    let mut fence: Option<(char, usize)> = None;
    let mut follows_blank = true;
    let mut at = 0;
    let mut lines = markdown.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let content = top_level(line);
        let mut end = at + line.len();
        if fence.is_none() && line.trim().is_empty() && (out.is_empty() || out.ends_with("\n\n")) {
            while starts.next_if(|start| *start < end).is_some() {
                moved.push(out.len());
            }
            follows_blank = true;
            at = end;
            continue;
        }
        let before = out.len();
        // How many bytes the line was shifted by what was put before it.
        let mut grown = 0;
        match (fence, content.and_then(fence_of)) {
            (Some(open), Some(close)) if closes(open, close, content) => fence = None,
            (None, Some(opening)) => fence = Some(opening),
            _ => {}
        }
        let heading = content.filter(|_| fence.is_none()).and_then(heading_level);
        let below = lines.peek().copied().and_then(top_level).and_then(underline);
        if let Some(level) = heading {
            grown = (level + levels).min(6) - level;
            out.extend(std::iter::repeat_n('#', grown));
            out.push_str(content.unwrap_or(line));
        } else if let (Some(level), true, Some(text), None) = (
            below,
            follows_blank,
            content.filter(|text| is_paragraph(text)),
            fence,
        ) {
            // A heading that is underlined has only two levels.
            let marks = (level + levels).min(6);
            out.extend(std::iter::repeat_n('#', marks));
            out.push(' ');
            out.push_str(text);
            grown = marks + 1;
            end += lines.next().map_or(0, str::len);
        } else {
            out.push_str(line);
        }
        follows_blank = line.trim().is_empty();
        while let Some(start) = starts.next_if(|start| *start < end) {
            let inside = if start == at { 0 } else { grown + (start - at) };
            let mut place = (before + inside).min(out.len());
            while !out.is_char_boundary(place) {
                place -= 1;
            }
            moved.push(place);
        }
        at = end;
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    if let Some((mark, length)) = fence {
        out.extend(std::iter::repeat_n(mark, length));
        out.push('\n');
    }
    moved.extend(starts.map(|_| out.len()));
    moved
}

/// The line without its indentation, unless that makes it code or part of a list.
fn top_level(line: &str) -> Option<&str> {
    let content = line.trim_start_matches(' ');
    (line.len() - content.len() <= 3).then_some(content)
}

/// The mark and length of a code fence.
fn fence_of(line: &str) -> Option<(char, usize)> {
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = line.trim_start_matches(mark);
    let length = line.len() - info.len();
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length))
}

fn closes(open: (char, usize), close: (char, usize), line: Option<&str>) -> bool {
    open.0 == close.0
        && close.1 >= open.1
        && line.is_some_and(|line| line.trim_start_matches(open.0).trim().is_empty())
}

fn is_paragraph(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with(['-', '*', '+', '>', '|', '<', '#', '=', '`', '~'])
}

#[cfg(test)]
mod tests;
