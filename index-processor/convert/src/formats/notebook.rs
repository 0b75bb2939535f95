//! Jupyter notebooks: text, code and what it printed, in the order of the cells.

use serde_json::Value;

use super::{blocks, json, markdown};
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, charset};

pub(crate) const CONVERTER: Converter = Converter {
    name: "notebook",
    version: 1,
    run,
};

/// Longest output of a cell that is kept, in bytes: logs of training runs would bury the text.
const MAX_OUTPUT: usize = 8 * 1024;

fn run(input: &Input<'_>, format: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let decoded = charset::decode(input, |_| None)?;
    let notebook = serde_json::from_str::<Value>(&decoded.text).ok();
    let Some((notebook, cells)) = notebook
        .as_ref()
        .and_then(|notebook| Some((notebook, cells(notebook)?)))
    else {
        let mut converted = (json::CONVERTER.run)(input, format, context)?;
        converted
            .warnings
            .push("indexed as it is: the content is not a notebook".to_owned());
        return Ok(converted);
    };
    let language = language(notebook);
    let mut out = String::new();
    let mut cut = 0;
    for cell in cells {
        let source = text(cell.get("source").or_else(|| cell.get("input")));
        let kind = cell.get("cell_type").and_then(Value::as_str).unwrap_or("code");
        match kind {
            _ if source.trim().is_empty() && kind != "code" => {}
            "markdown" | "html" => {
                blocks::push_markdown(&mut out, &source, 0, &[]);
            }
            "heading" => {
                let level = cell.get("level").and_then(Value::as_u64).unwrap_or(1).min(6);
                blocks::push_heading(&mut out, usize::try_from(level).unwrap_or(1), &source);
            }
            "code" => {
                if !source.trim().is_empty() {
                    let language = cell
                        .get("language")
                        .and_then(Value::as_str)
                        .map_or(language, word);
                    blocks::push_fenced(&mut out, language, &source);
                }
                cut += push_outputs(&mut out, cell);
            }
            // Raw cells are for other programs, but people wrote them.
            _ => blocks::push_fenced(&mut out, "", &source),
        }
    }
    let mut warnings = decoded.warnings;
    if cut > 0 {
        warnings.push(format!(
            "{cut} long outputs were cut to their first {} KiB",
            MAX_OUTPUT >> 10
        ));
    }
    let title = notebook
        .pointer("/metadata/title")
        .and_then(Value::as_str)
        .map(blocks::one_line)
        .filter(|title| !title.is_empty())
        .or_else(|| markdown::first_heading(&out));
    Ok(Converted {
        markdown: out,
        kind: DocumentKind::Office,
        mime: "application/x-ipynb+json",
        title,
        warnings,
        parts: Vec::new(),
    })
}

/// The cells, of format 4 or, in sheets, 3.
fn cells(notebook: &Value) -> Option<Vec<&Value>> {
    let format = notebook.get("nbformat").and_then(Value::as_u64);
    if let Some(cells) = notebook.get("cells").and_then(Value::as_array) {
        let is_notebook = format.is_some() || cells.iter().any(|cell| cell.get("cell_type").is_some());
        return is_notebook.then(|| cells.iter().collect());
    }
    let sheets = notebook.get("worksheets").and_then(Value::as_array)?;
    let cells = sheets
        .iter()
        .filter_map(|sheet| sheet.get("cells").and_then(Value::as_array));
    Some(cells.flatten().collect())
}

/// The language of the kernel, as it is written behind a fence.
fn language(notebook: &Value) -> &str {
    let places = [
        "/metadata/kernelspec/language",
        "/metadata/language_info/name",
        "/metadata/language",
    ];
    let named = places
        .into_iter()
        .find_map(|place| notebook.pointer(place)?.as_str());
    word(named.unwrap_or("python"))
}

/// The first word, if it can stand behind a fence.
fn word(name: &str) -> &str {
    let end = name.find(|c: char| !(c.is_alphanumeric() || matches!(c, '+' | '#' | '-' | '_')));
    &name[..end.unwrap_or(name.len())]
}

/// Text that is one string, or a list of lines.
fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Puts in what a cell printed; returns how many outputs were cut.
fn push_outputs(out: &mut String, cell: &Value) -> usize {
    let outputs = cell.get("outputs").and_then(Value::as_array);
    let mut cut = 0;
    // What one stream printed comes in many pieces.
    let mut stream = String::new();
    for output in outputs.into_iter().flatten() {
        let kind = output.get("output_type").and_then(Value::as_str);
        if kind == Some("stream") {
            stream.push_str(&text(output.get("text")));
            continue;
        }
        cut += push_output(out, &std::mem::take(&mut stream));
        match kind {
            Some("error" | "pyerr") => {
                let lines = output.get("traceback").and_then(Value::as_array);
                let lines: Vec<&str> = lines.into_iter().flatten().filter_map(Value::as_str).collect();
                let traceback = if lines.is_empty() {
                    format!("{}: {}", text(output.get("ename")), text(output.get("evalue")))
                } else {
                    lines.join("\n")
                };
                cut += push_output(out, &traceback);
            }
            _ => cut += push_result(out, output),
        }
    }
    cut + push_output(out, &stream)
}

/// Puts in the value of a cell, in the form that reads best.
fn push_result(out: &mut String, output: &Value) -> usize {
    // Format 3 keeps the forms beside the rest of the output, under short names.
    let data = output.get("data").unwrap_or(output);
    let form = |names: [&str; 2]| names.into_iter().find_map(|name| data.get(name));
    if let Some(markdown) = form(["text/markdown", "markdown"]) {
        let markdown = text(Some(markdown));
        if markdown.len() > MAX_OUTPUT {
            return push_output(out, &markdown);
        }
        blocks::push_markdown(out, &markdown, 0, &[]);
        return 0;
    }
    let is_picture = form(["image/png", "png"])
        .or_else(|| form(["image/jpeg", "jpeg"]))
        .or_else(|| form(["image/svg+xml", "svg"]))
        .is_some();
    if is_picture {
        // Its text is something like `<Figure size 640x480 with 1 Axes>`.
        return 0;
    }
    push_output(out, &text(form(["text/plain", "text"])))
}

/// Puts in an output, cut where it gets long; returns 1 when it was.
fn push_output(out: &mut String, output: &str) -> usize {
    let output = as_shown(output);
    if output.trim().is_empty() {
        return 0;
    }
    if output.len() <= MAX_OUTPUT {
        blocks::push_fenced(out, "", &output);
        return 0;
    }
    let mut end = MAX_OUTPUT;
    while !output.is_char_boundary(end) {
        end -= 1;
    }
    let end = output[..end].rfind('\n').unwrap_or(end);
    let note = format!("{}\n… ({} more bytes)", &output[..end], output.len() - end);
    blocks::push_fenced(out, "", &note);
    1
}

/// What a terminal shows of a text: no escape sequences, and of a line that was written over and over only the last state.
fn as_shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line.trim_end_matches('\r'), "\n"),
            None => (line, ""),
        };
        let last = line.rsplit('\r').find(|state| !state.is_empty()).unwrap_or("");
        push_without_escapes(&mut out, last);
        out.push_str(end);
    }
    out
}

/// `ESC [ … letter` sets a colour, `ESC ] … BEL` a title or link.
fn push_without_escapes(out: &mut String, line: &str) {
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1B}' {
            if !character.is_control() || character == '\t' {
                out.push(character);
            }
            continue;
        }
        match characters.next() {
            Some('[') => {
                characters.by_ref().find(|c| matches!(c, '@'..='~'));
            }
            Some(']') => {
                characters.by_ref().find(|c| matches!(c, '\u{7}' | '\\'));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
