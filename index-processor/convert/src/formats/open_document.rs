//! OpenDocument: texts, presentations and spreadsheets, packed or as one flat XML file.
//!
//! Texts and presentations are read as a tree, whose depth is bounded ([`mod@text`]); spreadsheets, which may be of any length, as
//! a stream of cells ([`spreadsheet`]).

mod presentation;
mod spreadsheet;
mod styles;
mod text;

use roxmltree::{Document as Xml, Node};
use styles::Styles;

use super::markdown;
use super::package::Package;
use crate::context::Context;
use crate::format::Format;
use crate::tidy::Builder;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input};

pub(crate) const CONVERTER: Converter = Converter {
    name: "open_document",
    version: 1,
    run,
};

const WHAT: &str = "OpenDocument file";

fn run(input: &Input<'_>, format: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let Parts {
        content,
        styles,
        meta,
    } = Parts::read(input.bytes, context)?;
    let mut builder = Builder::new();
    let mut warnings = Vec::new();
    let mut title = meta.as_deref().and_then(|meta| title(&parsed(meta).ok()?));
    let mime = match format {
        Format::Ods => {
            spreadsheet::convert(&content, context, &mut builder, &mut warnings)?;
            "application/vnd.oasis.opendocument.spreadsheet"
        }
        _ => {
            let content = parsed(&content)?;
            let common = styles.as_deref().and_then(|styles| parsed(styles).ok());
            let files: Vec<&Xml<'_>> = common.iter().chain([&content]).collect();
            let styles = Styles::read(&files);
            title = title.or_else(|| self::title(&content));
            if let Some(body) = body(&content, "presentation") {
                presentation::convert(body, &styles, context, &mut builder)?;
                "application/vnd.oasis.opendocument.presentation"
            } else {
                let body = body(&content, "text").unwrap_or_else(|| content.root_element());
                builder.block(&text::document(body, &styles));
                "application/vnd.oasis.opendocument.text"
            }
        }
    };
    let (markdown, parts) = builder.finish();
    if format != Format::Ods {
        title = title.or_else(|| markdown::first_heading(&markdown));
    }
    Ok(Converted {
        markdown,
        kind: DocumentKind::Office,
        mime,
        title,
        warnings,
        parts,
    })
}

/// The parts of the package that are read; of a flat file, the file.
struct Parts {
    content: String,
    styles: Option<String>,
    meta: Option<String>,
}

impl Parts {
    fn read(bytes: &[u8], context: &Context<'_>) -> Result<Self, ConvertError> {
        if !bytes.starts_with(b"PK") {
            return Ok(Self {
                content: text(bytes),
                styles: None,
                meta: None,
            });
        }
        let mut package = Package::open(bytes, WHAT)?;
        let manifest = package
            .read("META-INF/manifest.xml", context)?
            .unwrap_or_default();
        if String::from_utf8_lossy(&manifest).contains("encryption-data")
            || package.contains("encrypted-package")
        {
            return Err(ConvertError::password_protected(WHAT));
        }
        let content = package
            .read("content.xml", context)?
            .ok_or_else(|| ConvertError::corrupt(WHAT, "it has no content.xml"))?;
        let mut other = |name| Ok::<_, ConvertError>(package.read(name, context)?.map(|bytes| text(&bytes)));
        Ok(Self {
            content: text(&content),
            styles: other("styles.xml")?,
            meta: other("meta.xml")?,
        })
    }
}

fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

fn parsed(xml: &str) -> Result<Xml<'_>, ConvertError> {
    Xml::parse(xml).map_err(|error| ConvertError::corrupt(WHAT, error))
}

fn title(meta: &Xml<'_>) -> Option<String> {
    let meta = meta.descendants().find(|node| is(*node, "meta"))?;
    let title = meta.descendants().find(|node| is(*node, "title"))?.text()?.trim();
    (!title.is_empty()).then(|| title.to_owned())
}

fn body<'a, 'input>(content: &'a Xml<'input>, kind: &str) -> Option<Node<'a, 'input>> {
    let body = content.root_element().children().find(|node| is(*node, "body"))?;
    body.children().find(|node| is(*node, kind))
}

/// Names are told apart without their namespaces, which two generations of the format write differently.
fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut attributes = node.attributes();
    attributes
        .find(|attribute| attribute.name() == name)
        .map(|attribute| attribute.value())
}

#[cfg(test)]
mod tests;
