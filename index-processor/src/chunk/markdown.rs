//! The outline of a Markdown text: its headings.
//!
//! Lines are scanned as [CommonMark](https://spec.commonmark.org/0.31.2/) blocks only as far as it takes to tell a
//! heading from a line that looks like one, in a fence, in indented code, in an HTML comment or in front matter. Headings
//! in quotes and lists are no sections.

use super::section::Section;

/// Titles are cut to about this many bytes: they are context, not content.
const TITLE: usize = 200;

struct Heading {
    start: usize,
    body: usize,
    level: usize,
    title: String,
}

/// The outline of a text. `front_matter` says whether the text may begin with a block of metadata.
pub(super) fn outline(text: &str, front_matter: bool) -> Section {
    tree(text, headings(text, front_matter))
}

/// Nests headings by level. A heading belongs to the last one above it with a lower level, so depth is at most six.
fn tree(text: &str, headings: Vec<Heading>) -> Section {
    let mut open = vec![(0, Section::text(0..text.len()))];
    for Heading {
        start,
        body,
        level,
        title,
    } in headings
    {
        close(&mut open, level, start);
        open.push((
            level,
            Section {
                range: start..text.len(),
                body,
                title: Some(title),
                parts: Vec::new(),
            },
        ));
    }
    close(&mut open, 1, text.len());
    open.pop()
        .map_or_else(|| Section::text(0..text.len()), |(_, root)| root)
}

/// Ends the open sections of this level and below.
fn close(open: &mut Vec<(usize, Section)>, level: usize, end: usize) {
    while let Some((_, mut section)) = open.pop_if(|(open, _)| *open >= level) {
        section.range.end = end;
        if let Some((_, parent)) = open.last_mut() {
            parent.parts.push(section);
        }
    }
}

/// What the lines so far leave open.
enum State {
    /// Between blocks, or in a block that lines may interrupt.
    Open,
    /// In a paragraph that began at this byte: a line of `=` or `-` makes it a heading.
    Paragraph(usize),
    /// In a fence that as many of this character close.
    Fence(u8, usize),
    /// In HTML that only this text ends.
    Html(&'static str),
}

fn headings(text: &str, front_matter: bool) -> Vec<Heading> {
    let mut headings = Vec::new();
    let mut state = State::Open;
    let mut end = if front_matter { front_matter_end(text) } else { 0 };
    for line in text[end..].split_inclusive('\n') {
        let start = end;
        end += line.len();
        let line = line.trim_end();
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        state = match state {
            State::Fence(mark, width) => {
                let closing = run(content, mark);
                let closes = indent < 4 && closing >= width && content.len() == closing;
                if closes {
                    State::Open
                } else {
                    State::Fence(mark, width)
                }
            }
            State::Html(closing) if content.contains(closing) => State::Open,
            State::Html(closing) => State::Html(closing),
            _ if content.is_empty() => State::Open,
            State::Paragraph(from) if indent >= 4 || content.starts_with('\t') => State::Paragraph(from),
            State::Open if indent >= 4 || content.starts_with('\t') => State::Open,
            State::Paragraph(from) if underline(content).is_some() => {
                let level = underline(content).unwrap_or(1);
                headings.push(Heading {
                    start: from,
                    body: end,
                    level,
                    title: title(&text[from..start]),
                });
                State::Open
            }
            State::Paragraph(_) | State::Open => {
                if let Some((level, rest)) = atx(content) {
                    headings.push(Heading {
                        start,
                        body: end,
                        level,
                        title: title(rest),
                    });
                    State::Open
                } else if let Some((mark, width)) = fence(content) {
                    State::Fence(mark, width)
                } else if let Some(closing) = html(content) {
                    State::Html(closing)
                } else if !begins_paragraph(content) {
                    State::Open
                } else if let State::Paragraph(from) = state {
                    State::Paragraph(from)
                } else {
                    State::Paragraph(start)
                }
            }
        };
    }
    headings
}

/// Where a leading block between lines of `---` (YAML) or `+++` (TOML) ends; 0 if there is none.
fn front_matter_end(text: &str) -> usize {
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next().unwrap_or_default();
    let fence = opening.trim_end();
    if !matches!(fence, "---" | "+++") {
        return 0;
    }
    let mut end = opening.len();
    for line in lines {
        end += line.len();
        let line = line.trim_end();
        if line == fence || (fence == "---" && line == "...") {
            return end;
        }
        // A rule at the top of a text is followed by a blank line; metadata is not.
        if line.is_empty() && end <= opening.len() + 2 {
            return 0;
        }
    }
    0
}

fn run(text: &str, mark: u8) -> usize {
    text.bytes().take_while(|&byte| byte == mark).count()
}

/// `## Title ##`: the level and what follows it.
fn atx(line: &str) -> Option<(usize, &str)> {
    let level = run(line, b'#');
    let rest = &line[level..];
    let valid = (1..=6).contains(&level) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    let title = rest.trim_end_matches('#');
    let closed = title.is_empty() || title.ends_with([' ', '\t']);
    valid.then_some((level, if closed { title } else { rest }))
}

/// The level of a heading that this line underlines.
fn underline(line: &str) -> Option<usize> {
    [(b'=', 1), (b'-', 2)]
        .into_iter()
        .find_map(|(mark, level)| (run(line, mark) == line.len()).then_some(level))
}

fn fence(line: &str) -> Option<(u8, usize)> {
    let mark = *line.as_bytes().first()?;
    let width = run(line, mark);
    let opens = match mark {
        b'`' => width >= 3 && !line[width..].contains('`'),
        b'~' => width >= 3,
        _ => false,
    };
    opens.then_some((mark, width))
}

/// What ends the HTML block that this line begins, if blank lines do not and it does not end on this line.
fn html(line: &str) -> Option<&'static str> {
    const BLOCKS: [(&str, &str); 6] = [
        ("<!--", "-->"),
        ("<?", "?>"),
        ("<pre", "</pre>"),
        ("<script", "</script>"),
        ("<style", "</style>"),
        ("<textarea", "</textarea>"),
    ];
    let (opening, closing) = BLOCKS
        .into_iter()
        .find(|(opening, _)| line.starts_with(opening))?;
    (!line[opening.len()..].contains(closing)).then_some(closing)
}

/// Quotes, list items, tables and rules are not made headings by a line of dashes below them.
fn begins_paragraph(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = digits > 0 && line[digits..].starts_with([')', '.']);
    !numbered
        && !line.starts_with(['>', '|', '<'])
        && !["- ", "* ", "+ ", "---", "***", "___"]
            .iter()
            .any(|mark| line.starts_with(mark))
        && !matches!(line, "-" | "*" | "+")
}

/// One line, without the white space around and within.
fn title(text: &str) -> String {
    let mut title = String::new();
    for word in text.split_whitespace() {
        if title.len() + word.len() > TITLE {
            title.push_str(if title.is_empty() {
                &word[..word.floor_char_boundary(TITLE)]
            } else {
                " …"
            });
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The headings of a text, as `level title`, each with the first line of its section.
    fn found(text: &str) -> Vec<String> {
        headings(text, true)
            .into_iter()
            .map(|Heading { level, title, .. }| format!("{level} {title}"))
            .collect()
    }

    #[test]
    fn headings_are_told_from_what_looks_like_them() {
        let cases: [(&str, &[&str]); 27] = [
            ("# One\n## Two ##\n", &["1 One", "2 Two"]),
            ("   ### C#\n", &["3 C#"]),
            ("    # code\n", &[]),
            ("\t# code\n", &[]),
            ("#tag\n####### seven\n", &[]),
            ("#\n", &["1 "]),
            ("# a\r\nb\r\n## c\r\n", &["1 a", "2 c"]),
            ("One\n===\n\nTwo\n-\n", &["1 One", "2 Two"]),
            ("two\nlines\n---\n", &["2 two lines"]),
            ("\n---\n\n===\n", &[]),
            ("- item\n---\n", &[]),
            ("text\n- item\n---\n", &[]),
            ("> quote\n---\n", &[]),
            ("1. item\n---\n", &[]),
            ("| a |\n|---|\n---\n", &[]),
            ("```\n# no\n```\n# yes\n", &["1 yes"]),
            ("````\n```\n# no\n````\n# yes\n", &["1 yes"]),
            ("~~~ sh\n```\n# no\n~~~\n# yes\n", &["1 yes"]),
            ("```\n# never closed\n", &[]),
            ("```a`b\n# yes\n", &["1 yes"]),
            ("<!--\n# no\n\n# no\n-->\n# yes\n", &["1 yes"]),
            ("<!-- one line -->\n# yes\n", &["1 yes"]),
            ("<pre>\n# no\n</pre>\n# yes\n", &["1 yes"]),
            ("---\na: b\n# no\n---\n# yes\n", &["1 yes"]),
            ("+++\na = 1\n+++\n# yes\n", &["1 yes"]),
            ("---\n\n# yes\n\n---\n", &["1 yes"]),
            ("---\n# never closed\n", &["1 never closed"]),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text), expected, "{text:?}");
        }
    }

    #[test]
    fn sections_nest_by_level() {
        fn shape(section: &Section) -> String {
            let parts: Vec<String> = section.parts.iter().map(shape).collect();
            format!(
                "{}({})",
                section.title.as_deref().unwrap_or_default(),
                parts.join(" ")
            )
        }
        assert_eq!(
            shape(&outline("# a\n### b\n## c\n# d\n## e\n", true)),
            "(a(b() c()) d(e()))"
        );
        assert_eq!(shape(&outline("## a\n# b\n", true)), "(a() b())");
    }

    #[test]
    fn titles_are_one_short_line() {
        assert_eq!(title("  a \t b  "), "a b");
        assert!(title(&"word ".repeat(100)).len() <= TITLE + 4);
        assert_eq!(title(&"é".repeat(200)).len(), TITLE);
    }
}
