//! The text of one paragraph with its emphasis and links, as Markdown.

use std::rc::Rc;

/// The longest paragraph that is taken for code, in bytes, when all of it is set so.
const MAX_CODE: usize = 160;

/// How a run of characters is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) strike: bool,
    pub(super) code: bool,
}

/// A paragraph in the making.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    text: String,
    style: Style,
    link: Option<Rc<str>>,
    /// Markdown already, such as the reference of a footnote.
    is_markdown: bool,
}

impl Runs {
    /// Appends text. Line breaks are `\n`.
    pub(super) fn push(&mut self, text: &str, style: Style, link: Option<&Rc<str>>) {
        if text.is_empty() {
            return;
        }
        match self.runs.last_mut() {
            Some(run) if run.style == style && run.link.as_ref() == link && !run.is_markdown => {
                run.text.push_str(text)
            }
            _ => self.runs.push(Run {
                text: text.to_owned(),
                style,
                link: link.cloned(),
                is_markdown: false,
            }),
        }
    }

    /// Appends Markdown.
    pub(super) fn push_markdown(&mut self, markdown: &str) {
        self.runs.push(Run {
            text: markdown.to_owned(),
            style: Style::default(),
            link: None,
            is_markdown: true,
        });
    }

    pub(super) fn is_blank(&self) -> bool {
        self.runs.iter().all(|run| run.text.trim().is_empty())
    }

    /// Does it end in white space, or is it empty?
    pub(super) fn ends_blank(&self) -> bool {
        self.runs
            .last()
            .is_none_or(|run| run.text.ends_with([' ', '\n', '\t']))
    }

    /// Is it a paragraph that is set in typewriter letters as a whole, and is no word or line of code?
    fn is_set_in_code(&self) -> bool {
        let mut words = self.runs.iter().filter(|run| !run.text.trim().is_empty());
        words.all(|run| run.style.code)
            && self.runs.iter().map(|run| run.text.len()).sum::<usize>() > MAX_CODE
    }

    fn escaped(&self) -> String {
        let mut out = String::new();
        self.runs.iter().for_each(|run| push_escaped(&mut out, &run.text));
        out
    }

    /// Everything without emphasis, for headings, where it is how all of them look.
    pub(super) fn without_emphasis(mut self) -> Self {
        for run in &mut self.runs {
            run.style = Style {
                code: run.style.code,
                ..Style::default()
            };
        }
        self
    }

    /// The text alone.
    pub(super) fn plain(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
    }

    /// The paragraph as Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut out = String::new();
        let mut at = 0;
        if self.is_set_in_code() {
            return escape_start(&self.escaped());
        }
        while let Some(run) = self.runs.get(at) {
            let Some(link) = &run.link else {
                push_run(&mut out, run);
                at += 1;
                continue;
            };
            let mut label = String::new();
            while let Some(part) = self.runs.get(at).filter(|part| part.link.as_ref() == Some(link)) {
                push_run(&mut label, part);
                at += 1;
            }
            push_link(&mut out, &label, link);
        }
        escape_start(&out)
    }
}

fn push_link(out: &mut String, label: &str, target: &str) {
    let text = label.trim();
    let start = label.len() - label.trim_start().len();
    out.push_str(&label[..start]);
    if text.is_empty() || target.is_empty() || target.starts_with('#') {
        out.push_str(text);
    } else if text == target {
        out.push_str(&format!("<{target}>"));
    } else {
        let target = target
            .replace(' ', "%20")
            .replace('(', "%28")
            .replace(')', "%29")
            .replace('\n', "");
        out.push_str(&format!("[{}]({target})", text.replace('\n', " ")));
    }
    out.push_str(&label[start + text.len()..]);
}

/// Markers stand at the text, not at the white space around it, where Markdown does not see them.
fn push_run(out: &mut String, run: &Run) {
    let text = run.text.trim();
    if run.is_markdown || text.is_empty() {
        out.push_str(&run.text);
        return;
    }
    let start = run.text.len() - run.text.trim_start().len();
    out.push_str(&run.text[..start]);
    let Style {
        bold,
        italic,
        strike,
        code,
    } = run.style;
    if code && !text.contains(['`', '\n']) {
        out.push_str(&format!("`{text}`"));
    } else {
        // Emphasis on signs alone says nothing, and often is not read as such.
        let has_words = text.contains(char::is_alphanumeric);
        let marker = match (bold && has_words, italic && has_words) {
            (true, true) => "***",
            (true, false) => "**",
            (false, true) => "*",
            (false, false) => "",
        };
        let strike = if strike { "~~" } else { "" };
        // A marker does not reach across a line.
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                out.push('\n');
            }
            let line = line.trim();
            if !line.is_empty() {
                out.push_str(strike);
                out.push_str(marker);
                push_escaped(out, line);
                out.push_str(marker);
                out.push_str(strike);
            }
        }
    }
    out.push_str(&run.text[start + text.len()..]);
}

/// Escapes what would be markup, and no more: a search finds what it looks for as it is written.
fn push_escaped(out: &mut String, text: &str) {
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        let is_markup = match character {
            '`' => true,
            '*' => !(before.is_whitespace() && after.is_whitespace()),
            '_' => {
                let is_between = |kind: fn(char) -> bool| kind(before) && kind(after);
                !is_between(char::is_whitespace) && !is_between(char::is_alphanumeric)
            }
            '<' => after.is_ascii_alphabetic() || matches!(after, '/' | '!' | '?'),
            ']' => matches!(after, '(' | ':'),
            '\\' => after.is_ascii_punctuation(),
            '~' => after == '~',
            _ => false,
        };
        if is_markup {
            out.push('\\');
        }
        out.push(character);
        before = character;
    }
}

/// Text that starts like a heading, a list or a quotation is none.
fn escape_start(text: &str) -> String {
    let start = text.trim_start();
    let marker = start.trim_start_matches(|character: char| character.is_ascii_digit());
    let digits = start.len() - marker.len();
    let is_block = match marker.chars().next() {
        Some('#') => digits == 0 && marker.trim_start_matches('#').starts_with([' ', '\t']),
        Some('-' | '+') => {
            digits == 0
                && (marker[1..].starts_with([' ', '\t']) || marker.len() == 1 || marker.starts_with("---"))
        }
        Some('>') => digits == 0,
        Some('.' | ')') => (1..10).contains(&digits) && (marker[1..].starts_with([' ', '\t'])),
        _ => false,
    };
    if !is_block {
        return start.to_owned();
    }
    format!("{}\\{marker}", &start[..digits])
}

#[cfg(test)]
mod tests;
