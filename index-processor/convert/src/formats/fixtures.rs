//! Files for tests: packages written part by part, and what hostile copies of them must not do.

use std::io::{Cursor, Write};
use std::panic::catch_unwind;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{ConvertError, Document, FileType, Input, Options};

const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const DRAWING: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";
const SLIDES: &str = "http://schemas.openxmlformats.org/presentationml/2006/main";
const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

pub(super) fn options() -> Options {
    Options {
        open: vec![FileType::Doc, FileType::Ppt, FileType::Xls],
        ..Options::default()
    }
}

pub(super) fn convert(name: &str, bytes: &[u8]) -> Result<Document, ConvertError> {
    convert_with(name, bytes, &options())
}

pub(super) fn convert_with(name: &str, bytes: &[u8], options: &Options) -> Result<Document, ConvertError> {
    let input = Input {
        name,
        bytes,
        content_type: None,
    };
    crate::convert(&input, options)
}

#[track_caller]
pub(super) fn converted(name: &str, bytes: &[u8]) -> Document {
    convert(name, bytes).expect("a file that can be read")
}

#[track_caller]
pub(super) fn code_of(name: &str, bytes: &[u8]) -> String {
    let error = convert(name, bytes).expect_err("a file that cannot be read");
    error.code().to_owned()
}

/// Places and where they start in the text, as their first line.
pub(super) fn places(document: &Document) -> Vec<String> {
    let parts = document.about.parts.iter();
    let shown = parts.map(|part| {
        let line = document.markdown[part.start..].lines().next().unwrap_or_default();
        format!("{}: {line}", part.place)
    });
    shown.collect()
}

pub(super) fn package(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn relationships(list: &[(&str, &str, &str)]) -> String {
    let items: String = list
        .iter()
        .map(|(id, kind, target)| {
            let mode = if target.starts_with("http") {
                " TargetMode=\"External\""
            } else {
                ""
            };
            format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"{mode}/>")
        })
        .collect();
    format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{items}</Relationships>"
    )
}

const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
    <Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>";

/// A Word file with this body; `rId1` is a link to `https://example.com/`.
pub(super) fn docx(body: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let document = format!(
        "<w:document xmlns:w=\"{WORD}\" xmlns:r=\"{OFFICE}\" \
         xmlns:m=\"http://schemas.openxmlformats.org/officeDocument/2006/math\"><w:body>{body}</w:body></w:document>"
    );
    let root = relationships(&[("rId1", "officeDocument", "word/document.xml")]);
    let links = relationships(&[
        ("rId1", "hyperlink", "https://example.com/"),
        ("rId2", "styles", "styles.xml"),
        ("rId3", "numbering", "numbering.xml"),
        ("rId4", "footnotes", "footnotes.xml"),
    ]);
    let mut parts = vec![
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", &root),
        ("word/document.xml", &document),
        ("word/_rels/document.xml.rels", &links),
    ];
    parts.extend_from_slice(more);
    package(&parts)
}

/// A PowerPoint file: the shapes of each slide, and the number of the part that its notes are in with their text.
pub(super) fn pptx(slides: &[(&str, Option<(usize, &str)>)]) -> Vec<u8> {
    let numbers: Vec<usize> = (1..=slides.len()).collect();
    let ids: String = numbers
        .iter()
        .map(|n| format!("<p:sldId id=\"{}\" r:id=\"rId{n}\"/>", 255 + n))
        .collect();
    let names: Vec<(String, String)> = numbers
        .iter()
        .map(|n| (format!("rId{n}"), format!("slides/slide{n}.xml")))
        .collect();
    let list: Vec<_> = names
        .iter()
        .map(|(id, target)| (id.as_str(), "slide", target.as_str()))
        .collect();
    let mut parts = vec![
        ("[Content_Types].xml".to_owned(), TYPES.to_owned()),
        (
            "_rels/.rels".to_owned(),
            relationships(&[("rId1", "officeDocument", "ppt/presentation.xml")]),
        ),
        (
            "ppt/presentation.xml".to_owned(),
            format!(
                "<p:presentation xmlns:p=\"{SLIDES}\" xmlns:r=\"{OFFICE}\"><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"
            ),
        ),
        ("ppt/_rels/presentation.xml.rels".to_owned(), relationships(&list)),
    ];
    let tree = |kind: &str, shapes: &str| {
        format!(
            "<p:{kind} xmlns:p=\"{SLIDES}\" xmlns:a=\"{DRAWING}\" xmlns:r=\"{OFFICE}\"><p:cSld><p:spTree>{shapes}\
             </p:spTree></p:cSld></p:{kind}>"
        )
    };
    for (number, (shapes, notes)) in numbers.iter().zip(slides) {
        parts.push((format!("ppt/slides/slide{number}.xml"), tree("sld", shapes)));
        if let Some((part, text)) = notes {
            let target = format!("../notesSlides/notesSlide{part}.xml");
            parts.push((
                format!("ppt/slides/_rels/slide{number}.xml.rels"),
                relationships(&[("rId1", "notesSlide", &target)]),
            ));
            let shapes = format!("{}{}", shape("body", text), shape("sldNum", "77"));
            parts.push((
                format!("ppt/notesSlides/notesSlide{part}.xml"),
                tree("notes", &shapes),
            ));
        }
    }
    let parts: Vec<_> = parts
        .iter()
        .map(|(name, content)| (name.as_str(), content.as_str()))
        .collect();
    package(&parts)
}

/// A placeholder of a slide with one paragraph per line.
pub(super) fn shape(kind: &str, text: &str) -> String {
    let paragraphs: String = text
        .lines()
        .map(|line| format!("<a:p><a:r><a:t>{line}</a:t></a:r></a:p>"))
        .collect();
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"2\" name=\"x\"/><p:cNvSpPr/><p:nvPr><p:ph type=\"{kind}\"/></p:nvPr></p:nvSpPr>\
         <p:spPr/><p:txBody><a:bodyPr/>{paragraphs}</p:txBody></p:sp>"
    )
}

/// The XML of an OpenDocument file.
pub(super) fn odf_xml(root: &str, styles: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><office:{root} \
         xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" \
         xmlns:draw=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\" \
         xmlns:fo=\"urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0\" \
         xmlns:svg=\"urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0\" \
         xmlns:presentation=\"urn:oasis:names:tc:opendocument:xmlns:presentation:1.0\" \
         xmlns:xlink=\"http://www.w3.org/1999/xlink\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <office:automatic-styles>{styles}</office:automatic-styles><office:body>{body}</office:body></office:{root}>"
    )
}

/// An OpenDocument file of a kind: `text`, `presentation` or `spreadsheet`.
pub(super) fn odf(kind: &str, styles: &str, body: &str) -> Vec<u8> {
    let content = odf_xml(
        "document-content",
        styles,
        &format!("<office:{kind}>{body}</office:{kind}>"),
    );
    let mime = format!("application/vnd.oasis.opendocument.{kind}");
    package(&[("mimetype", &mime), ("content.xml", &content)])
}

/// Truncated and flipped copies of a file are refused or read, in bounds. Returns how many made a library panic, which ends
/// a child process in earnest.
#[track_caller]
pub(super) fn damaged(name: &str, bytes: &[u8]) -> usize {
    let step = (bytes.len() / 60).max(1);
    let truncated = (0..bytes.len()).step_by(step).map(|end| bytes[..end].to_vec());
    let flipped = (0..bytes.len()).step_by(step).map(|at| {
        let mut copy = bytes.to_vec();
        copy[at] ^= 1 << (at % 8);
        copy
    });
    truncated.chain(flipped).filter(|copy| panics(name, copy)).count()
}

#[track_caller]
pub(super) fn panics(name: &str, bytes: &[u8]) -> bool {
    match catch_unwind(|| convert(name, bytes)) {
        Ok(Ok(document)) => {
            assert!(document.markdown.len() as u64 <= options().max_output_bytes);
            let parts = &document.about.parts;
            assert!(
                parts
                    .iter()
                    .all(|part| document.markdown.is_char_boundary(part.start))
            );
            assert!(parts.is_sorted_by_key(|part| part.start));
            false
        }
        Ok(Err(error)) => {
            assert!(!error.code().is_empty());
            false
        }
        Err(_) => true,
    }
}
