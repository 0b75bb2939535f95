//! From lines, as they are set on a page, to paragraphs.

/// Joins the lines of one paragraph. A line ends where the next one was begun on purpose, after one much shorter than the
/// longest; otherwise it was full. Words that were divided are put together.
pub(super) fn join<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let lines: Vec<&str> = lines
        .into_iter()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let length = |line: &str| line.chars().count();
    let longest = lines.iter().map(|line| length(line)).max().unwrap_or_default();
    let mut text = String::new();
    let mut was_full = true;
    for line in lines {
        let next_is_lower = line.starts_with(char::is_lowercase);
        if text.is_empty() {
            text.push_str(&escaped(line));
        } else if was_full && next_is_lower && ends_divided(&text) {
            text.pop();
            text.push_str(line);
        } else if was_full || next_is_lower {
            text.push(' ');
            text.push_str(line);
        } else {
            text.push('\n');
            text.push_str(&escaped(line));
        }
        was_full = length(line) * 3 >= longest * 2;
    }
    text
}

/// Does it end in a hyphen behind a letter?
fn ends_divided(text: &str) -> bool {
    let mut last = text.chars().rev();
    matches!(last.next(), Some('-' | '\u{2010}' | '\u{AD}')) && last.next().is_some_and(char::is_alphabetic)
}

/// The line, so that Markdown does not take its start for a heading, a quotation or code.
fn escaped(line: &str) -> String {
    let is_markup = line.starts_with(['#', '>', '`', '~']);
    if is_markup {
        format!("\\{line}")
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests;
