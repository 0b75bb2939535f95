//! Links that lead nowhere once their page is out of its book or message.

use std::ops::Range;

/// Longest target of a link, in bytes. Looking no further keeps the search linear.
const MAX_TARGET: usize = 2048;

/// Which links lose their target and keep their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drop {
    /// Pictures: `![a cat](cat.png)` becomes `a cat`.
    Pictures,
    /// Pictures, and links to other files beside the page.
    PicturesAndInnerLinks,
}

/// Markdown without the targets of some of its links.
pub(super) fn without_targets(markdown: &str, which: Drop) -> String {
    let mut cut: Vec<Range<usize>> = Vec::new();
    // Where brackets opened, and whether that of a picture.
    let mut open: Vec<(usize, bool)> = Vec::new();
    let bytes = markdown.as_bytes();
    let mut fenced = false;
    let mut at = 0;
    while at < bytes.len() {
        let starts_line = at == 0 || bytes[at - 1] == b'\n';
        if starts_line {
            let line = &bytes[at..];
            let is_fence = line.starts_with(b"```");
            fenced ^= is_fence;
            if fenced || is_fence {
                at += line
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map_or(line.len(), |end| end + 1);
                open.clear();
                continue;
            }
        }
        match bytes[at] {
            b'\\' => at += 1,
            // Nothing goes on over the end of a paragraph.
            b'\n' if bytes.get(at + 1) == Some(&b'\n') => open.clear(),
            b'[' => {
                let is_picture = at > 0 && bytes[at - 1] == b'!';
                open.push((at, is_picture));
            }
            b']' => {
                let opened = open.pop();
                if let Some((start, is_picture)) = opened
                    && bytes.get(at + 1) == Some(&b'(')
                    && let Some(length) = target(&bytes[at + 2..])
                {
                    let link = &markdown[at + 2..at + 2 + length];
                    if is_picture || (which == Drop::PicturesAndInnerLinks && is_inner(link)) {
                        cut.push(start - usize::from(is_picture)..start + 1);
                        cut.push(at..at + 3 + length);
                    }
                    at += 2 + length;
                }
            }
            _ => {}
        }
        at += 1;
    }
    cut.sort_unstable_by_key(|range| range.start);
    let mut out = String::with_capacity(markdown.len());
    let mut from = 0;
    for range in cut {
        if range.start >= from {
            out.push_str(&markdown[from..range.start]);
            from = range.end;
        }
    }
    out.push_str(&markdown[from..]);
    out
}

/// How long the target of a link is, up to its closing bracket.
fn target(bytes: &[u8]) -> Option<usize> {
    let window = &bytes[..bytes.len().min(MAX_TARGET)];
    if window.first() == Some(&b'<') {
        let end = window.windows(2).position(|pair| pair == b">)")?;
        return Some(end + 1);
    }
    let mut depth = 0usize;
    let mut quoted = false;
    for (at, byte) in window.iter().enumerate() {
        match byte {
            b'\n' => return None,
            b'"' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted && depth == 0 => return Some(at),
            b')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

fn is_inner(target: &str) -> bool {
    let target = target.trim_start_matches('<');
    !(target.contains("://") || target.starts_with("mailto:") || target.starts_with("tel:"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pictures_become_their_text() {
        for (markdown, expected) in [
            ("a ![cat](cat.png) b", "a cat b"),
            ("[![cat](cat.png)](https://x.y/)", "[cat](https://x.y/)"),
            (r#"![](a.png "a (title)") b"#, " b"),
            ("![a](<x (y).png>)", "a"),
            ("![a](x(y).png)", "a"),
            (r"\![a](b) \[c](d)", r"\a \[c](d)"),
            ("```\n![a](b)\n```\n![a](b)", "```\n![a](b)\n```\na"),
            ("![a] (b) ![c", "![a] (b) ![c"),
            (
                "[1](notes.xhtml#1) [x](https://x.y)",
                "[1](notes.xhtml#1) [x](https://x.y)",
            ),
        ] {
            assert_eq!(without_targets(markdown, Drop::Pictures), expected);
        }
    }

    #[test]
    fn inner_links_become_their_text() {
        for (markdown, expected) in [
            ("[1](notes.xhtml#1) [x](https://x.y)", "1 [x](https://x.y)"),
            ("[![cat](cat.png)](page.html)", "cat"),
            ("[m](mailto:a@b.c) [a [b] c](d)", "[m](mailto:a@b.c) a [b] c"),
        ] {
            assert_eq!(without_targets(markdown, Drop::PicturesAndInnerLinks), expected);
        }
    }

    proptest! {
        #[test]
        fn anything_goes_through(text in "[\\[\\]()!<>a\"\\\\\n`é]{0,200}") {
            let out = without_targets(&text, Drop::PicturesAndInnerLinks);
            prop_assert!(out.len() <= text.len());
        }
    }
}
