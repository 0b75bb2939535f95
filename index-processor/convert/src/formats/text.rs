//! Plain text, and formats that read well as they are: YAML, TOML, XML, INI, LaTeX, reStructuredText, AsciiDoc, logs.

use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, charset};

pub(crate) const CONVERTER: Converter = Converter {
    name: "text",
    version: 1,
    run,
};

fn run(input: &Input<'_>, format: Format, _: &Context<'_>) -> Result<Converted, ConvertError> {
    let mime = match format {
        Format::Text(mime) => mime,
        _ => "text/plain",
    };
    let decoded = charset::decode(input, declared_in_xml)?;
    Ok(Converted {
        markdown: decoded.text,
        kind: DocumentKind::Text,
        mime,
        title: None,
        warnings: decoded.warnings,
        parts: Vec::new(),
    })
}

/// The charset in `<?xml version="1.0" encoding="…"?>`.
pub(super) fn declared_in_xml(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let declaration = bytes.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..declaration.len().min(200)];
    let declaration = declaration.split(|byte| *byte == b'>').next()?;
    let at = declaration.windows(8).position(|window| window == b"encoding")? + 8;
    let value = declaration[at..]
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let quote = value.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    encoding_rs::Encoding::for_label(value[1..].split(|byte| byte == quote).next()?)
}

/// A file that claims to be of another format and is not, kept as plain text.
pub(super) fn kept_as_text(text: String, mut warnings: Vec<String>, why: String) -> Converted {
    warnings.push(why);
    Converted {
        markdown: text,
        kind: DocumentKind::Text,
        mime: "text/plain",
        title: None,
        warnings,
        parts: Vec::new(),
    }
}
