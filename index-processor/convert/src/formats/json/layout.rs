//! Moves the white space of valid JSON, and nothing else.

/// A list of plain values stays on one line up to this length, in bytes.
pub(super) const INLINE_WIDTH: usize = 80;

/// The text with one member or element per line, indented by two spaces; short lists of plain values stay on one line.
/// `None` when that would be out of proportion, which takes a text of hardly anything but brackets.
pub(super) fn laid_out(json: &str) -> Option<String> {
    let limit = json.len().saturating_mul(8).saturating_add(1024);
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0usize;
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let taken = match first {
            b' ' | b'\t' | b'\n' | b'\r' => 1,
            b'"' => {
                let end = string_end(rest);
                out.push_str(&rest[..end]);
                end
            }
            b'[' | b'{' => match short(rest, first) {
                Some(end) => {
                    push_inline(&mut out, &rest[..end]);
                    end
                }
                None => {
                    depth += 1;
                    out.push(char::from(first));
                    new_line(&mut out, depth);
                    1
                }
            },
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(char::from(first));
                1
            }
            b',' => {
                out.push(',');
                new_line(&mut out, depth);
                1
            }
            b':' => {
                out.push_str(": ");
                1
            }
            _ => {
                let end = scalar_end(rest);
                out.push_str(&rest[..end]);
                end
            }
        };
        rest = &rest[taken..];
        if out.len() > limit {
            return None;
        }
    }
    out.push('\n');
    Some(out)
}

/// How deep arrays and objects are nested, outside strings; also of text that is not JSON.
pub(super) fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Where the string that `text` starts with ends.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where the number, `true`, `false` or `null` that `text` starts with ends.
fn scalar_end(text: &str) -> usize {
    text.find([',', ']', '}', ':', '"', '[', '{', ' ', '\t', '\n', '\r'])
        .unwrap_or(text.len())
        .max(1)
}

/// Where the list that `text` starts with ends, when it is short and holds plain values only; also an empty object.
fn short(text: &str, open: u8) -> Option<usize> {
    let mut at = 1;
    while at < text.len().min(INLINE_WIDTH) {
        match text.as_bytes()[at] {
            b']' if open == b'[' => return Some(at + 1),
            b'}' if open == b'{' => return Some(at + 1),
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ if open == b'{' => return None,
            b'[' | b'{' => return None,
            b'"' => at += string_end(&text[at..]),
            _ => at += 1,
        }
    }
    None
}

/// Writes a short list with one space behind each comma.
fn push_inline(out: &mut String, list: &str) {
    let mut rest = list;
    while let Some(first) = rest.bytes().next() {
        let taken = match first {
            b' ' | b'\t' | b'\n' | b'\r' => 1,
            b'"' => string_end(rest),
            b',' => {
                out.push_str(", ");
                rest = &rest[1..];
                continue;
            }
            b'[' | b']' | b'{' | b'}' => 1,
            _ => scalar_end(rest),
        };
        if !first.is_ascii_whitespace() {
            out.push_str(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
}
