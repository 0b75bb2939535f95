use file_format::FileFormat;
use proptest::prelude::*;

use super::{Format, detect, plain};
use crate::document::Language;
use crate::testing::{compound, eml, encrypted_zip, epub, msg_attachment, msg_streams, run, zip};
use crate::{ConvertError, Input};

fn told(name: &str, bytes: &[u8]) -> Result<Format, ConvertError> {
    let input = Input {
        name,
        bytes,
        content_type: None,
    };
    let told = detect(&input);
    let expected = told.clone().ok().filter(|format| format.is_plain());
    assert_eq!(plain(&input), expected, "{name}");
    told
}

/// An office document with this type, in a package of the Open XML or the OpenDocument kind.
fn package(part: &str) -> Vec<u8> {
    if part.contains('/') && !part.starts_with("application/") {
        return zip(&[
            ("[Content_Types].xml", "<Types/>"),
            ("_rels/.rels", "<Relationships/>"),
            (part, "<x/>"),
        ]);
    }
    zip(&[("mimetype", part), ("content.xml", "<x/>")])
}

/// A file of each format, and names that do not say so; one that does is the first.
fn files() -> Vec<(Format, Vec<u8>, &'static [&'static str])> {
    let flat = |kind: &str| {
        format!(
            "<?xml version=\"1.0\"?><office:document office:mimetype=\"application/vnd.oasis.opendocument.{kind}\"/>"
        )
    };
    let stream = |name: &'static str| compound(&[(name, "x")]);
    vec![
        (
            Format::Pdf,
            b"%PDF-1.7\n1 0 obj <<>> endobj\n".to_vec(),
            &["a.pdf", "a.txt", "a.docx", "a", "a.md", "a.rs"],
        ),
        (Format::Pdf, b"\0\0\0%PDF-1.7\n".to_vec(), &["a.pdf", "a.bin"]),
        (
            Format::Docx,
            package("word/document.xml"),
            &["a.docx", "a.zip", "a.txt", "a", "a.xlsx", "a.doc"],
        ),
        (
            Format::Pptx,
            package("ppt/presentation.xml"),
            &["a.pptx", "a.zip", "a", "a.pdf"],
        ),
        (
            Format::Xlsx,
            package("xl/workbook.xml"),
            &["a.xlsx", "a.zip", "a", "a.xls", "a.csv"],
        ),
        (
            Format::Odt,
            package("application/vnd.oasis.opendocument.text"),
            &["a.odt", "a.zip", "a", "a.docx"],
        ),
        (
            Format::Odt,
            flat("text").into(),
            &["a.fodt", "a.xml", "a", "a.ods"],
        ),
        (
            Format::Odp,
            package("application/vnd.oasis.opendocument.presentation"),
            &["a.odp", "a.zip", "a"],
        ),
        (Format::Odp, flat("presentation").into(), &["a.fodp", "a.xml"]),
        (
            Format::Ods,
            package("application/vnd.oasis.opendocument.spreadsheet"),
            &["a.ods", "a.zip", "a"],
        ),
        (Format::Ods, flat("spreadsheet").into(), &["a.fods", "a.xml"]),
        (
            Format::Epub,
            epub("A Book", &[("a.xhtml", "<p>text</p>")]),
            &["a.epub", "a.zip", "a"],
        ),
        (
            Format::Zip,
            zip(&[("a.txt", "text")]),
            &["a.zip", "a.txt", "a", "a.pdf", "a.rs"],
        ),
        (
            Format::Doc,
            stream("WordDocument"),
            &["a.doc", "a", "a.docx", "a.xls", "a.msg", "a.txt"],
        ),
        (
            Format::Xls,
            stream("Workbook"),
            &["a.xls", "a", "a.xlsx", "a.doc"],
        ),
        (Format::Xls, stream("Book"), &["a.xls", "a"]),
        (
            Format::Ppt,
            stream("PowerPoint Document"),
            &["a.ppt", "a", "a.pptx", "a.doc"],
        ),
        (
            Format::Msg,
            compound(&msg_streams("", "s", "b")),
            &["a.msg", "a", "a.doc", "a.xls"],
        ),
        (
            Format::Rtf,
            b"{\\rtf1\\ansi text}".to_vec(),
            &["a.rtf", "a.doc", "a", "a.txt", "a.docx"],
        ),
        (
            Format::Html,
            b"<!DOCTYPE html><title>x</title><p>text".to_vec(),
            &["a.html", "a", "a.txt", "a.doc", "a.xls", "a.xml"],
        ),
        (Format::Html, b"<p>text".to_vec(), &["a.html", "a.htm"]),
        (
            Format::Eml,
            eml("text", &[]),
            &["a.eml", "a", "a.txt", "a.msg", "a.mht"],
        ),
        (
            Format::Eml,
            [eml("text", &[]), b"\0\0\x01".to_vec()].concat(),
            &["a.eml"],
        ),
        (
            Format::Notebook,
            br#"{"cells": [], "metadata": {}, "nbformat": 4}"#.to_vec(),
            &["a.ipynb", "a.json", "a"],
        ),
        (Format::Notebook, b"anything".to_vec(), &["a.ipynb"]),
        (
            Format::Image(FileFormat::PortableNetworkGraphics),
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".to_vec(),
            &["a.png", "a", "a.txt", "a.pdf"],
        ),
        (
            Format::Image(FileFormat::JointPhotographicExpertsGroup),
            b"\xFF\xD8\xFF\xE0\0\x10JFIF\0".to_vec(),
            &["a.jpg", "a.docx"],
        ),
        (
            Format::Audio(FileFormat::WaveformAudio),
            b"RIFF\x24\0\0\0WAVEfmt ".to_vec(),
            &["a.wav", "a.txt", "a"],
        ),
        (
            Format::Video(FileFormat::OggMultiplexedMedia),
            b"OggS\0\x02\0\0".to_vec(),
            &["a.ogg", "a"],
        ),
        (
            Format::Video(FileFormat::Id3v2),
            b"ID3\x04\0\0\0\0\0\0".to_vec(),
            &["a.mp3", "a.doc"],
        ),
        (
            Format::Markdown,
            b"# Title\n\ntext".to_vec(),
            &["a.md", "a.MD", "b/a.markdown"],
        ),
        (
            Format::Json,
            b"{\"a\": [1]}".to_vec(),
            &["a.json", "a", "a.unknown", "a.docx"],
        ),
        (
            Format::Json,
            b"{\"a\": 1}\n{\"a\": 2}\n".to_vec(),
            &["a.json", "a"],
        ),
        (
            Format::JsonLines,
            b"{\"a\": 1}\n{\"a\": 2}\n".to_vec(),
            &["a.jsonl", "a.ndjson"],
        ),
        (
            Format::Csv,
            b"a\tb\n1\t2\n".to_vec(),
            &["a.csv", "a.tsv", "a.xls", "a.xlsx"],
        ),
        (
            Format::Xml,
            b"<?xml version=\"1.0\"?><a/>".to_vec(),
            &["a.xml", "a", "a.docx", "a.msg"],
        ),
        (
            Format::Code(Language::Python),
            b"#!/usr/bin/env python3\nprint()".to_vec(),
            &["a", "a.unknown", "a.pdf", "a.py"],
        ),
        (Format::Code(Language::Rust), b"fn main() {}".to_vec(), &["a.rs"]),
        (
            Format::Text("text/plain"),
            b"plain text".to_vec(),
            &[
                "a.txt", "a", "a.pdf", "a.docx", "a.zip", "a.eml", "a.png", "LICENSE",
            ],
        ),
        (
            Format::Text("text/plain"),
            b"[section]\nkey = 1\n".to_vec(),
            &["a", "a.ini"],
        ),
        (
            Format::Text("application/yaml"),
            b"a: 1\n".to_vec(),
            &["a.yaml", "a.yml"],
        ),
    ]
}

#[test]
fn content_decides_before_the_name() {
    for (format, bytes, names) in files() {
        for name in names {
            assert_eq!(told(name, &bytes), Ok(format), "{name}");
        }
    }
}

#[test]
fn there_is_a_file_of_every_type() {
    let mut types: Vec<_> = files()
        .into_iter()
        .map(|(format, ..)| format.file_type())
        .collect();
    types.sort();
    types.dedup();
    assert_eq!(types, crate::FileType::ALL);
}

#[test]
fn what_nothing_reads_is_refused_under_its_own_name() {
    let cfb = compound(&[("Unheard of", "x")]);
    for (name, bytes, code, what) in [
        (
            "a.svg",
            b"<svg></svg>".to_vec(),
            "unsupported_type",
            "SVG image is not indexed by this build; save it as PNG or PDF",
        ),
        (
            "a.ps",
            b"%!PS-Adobe-3.0\n".to_vec(),
            "unsupported_type",
            "PS is not indexed by this build; convert it to PDF",
        ),
        (
            "a",
            b"%!PS-Adobe-3.0\nshowpage\n".to_vec(),
            "unsupported_type",
            "convert it to PDF",
        ),
        ("a.pem", b"-----BEGIN".to_vec(), "unsupported_type", "secrets"),
        (
            "a.dat",
            b"\0\x01\x02".to_vec(),
            "unsupported_type",
            "binary file of unknown type is not indexed",
        ),
        (
            "a.csv",
            b"a,b\n1,\0\n".to_vec(),
            "binary_content",
            "it has NUL bytes",
        ),
        (
            "a.txt",
            b"\x01\x02\x03\x04text".to_vec(),
            "binary_content",
            "control characters",
        ),
        (
            "a.jar",
            zip(&[("META-INF/MANIFEST.MF", "x")]),
            "unsupported_type",
            "JAR is",
        ),
        (
            "a.zip",
            zip(&[("AndroidManifest.xml", "x")]),
            "unsupported_type",
            "APK is",
        ),
        (
            "a.gz",
            b"\x1F\x8B\x08\0\0\0\0\0\0\0".to_vec(),
            "unsupported_type",
            "as ZIP",
        ),
        (
            "a.exe",
            b"MZ\x90\0\x03\0\0\0".to_vec(),
            "unsupported_type",
            "not indexed by this build; provide its text",
        ),
        ("a.ole", cfb, "unsupported_type", "of unknown content"),
        (
            "a.docx",
            compound(&[("EncryptedPackage", "x"), ("EncryptionInfo", "x")]),
            "password_protected",
            "save it without",
        ),
        (
            "a",
            compound(&[("EncryptedPackage", "x"), ("DataSpaces/Version", "x")]),
            "password_protected",
            "password",
        ),
        (
            "a.doc",
            compound(&[("WordDocument", "x")]),
            "legacy_office",
            "save the file as DOCX, or allow doc",
        ),
        ("a.xls", compound(&[("Workbook", "x")]), "legacy_office", "XLSX"),
        (
            "a.ppt",
            compound(&[("PowerPoint Document", "x")]),
            "legacy_office",
            "PPTX",
        ),
        (
            "a.mp3",
            b"ID3\x04\0\0\0\0\0\0".to_vec(),
            "audio_video",
            "transcript",
        ),
        (
            "a.mp4",
            b"\0\0\0\x18ftypmp42\0\0\0\0".to_vec(),
            "audio_video",
            "transcript",
        ),
        (
            "a.png",
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".to_vec(),
            "needs_ocr",
            "install tesseract",
        ),
        ("a.txt", Vec::new(), "empty", "nothing to index"),
    ] {
        let error = run(name, bytes).unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(what), "{name}: {error}");
        let is_policy = matches!(code, "legacy_office" | "audio_video");
        assert_eq!(matches!(error, ConvertError::Blocked { .. }), is_policy, "{name}");
    }
}

#[test]
fn what_is_attached_to_a_message_does_not_make_it_another_file() {
    let mut streams = msg_streams("", "s", "b");
    streams.extend(msg_attachment(
        0,
        "a.docx",
        &compound(&[("EncryptedPackage", "x".repeat(9000))]),
    ));
    streams.push((
        "__attach_version1.0_#00000001/__substg1.0_3701000D/WordDocument".to_owned(),
        b"x".to_vec(),
    ));
    let message = compound(&streams);
    assert_eq!(told("a", &message), Ok(Format::Msg));
    // Also when the directory cannot be read, and all names are found, wherever they are.
    let mut broken = message;
    broken[44..48].fill(0xFF);
    broken[76..80].fill(0xFE);
    assert_eq!(told("a", &broken), Ok(Format::Msg));
}

#[test]
fn what_is_embedded_in_a_document_does_not_make_it_another_file() {
    let workbook = compound(&[
        ("Workbook", "x"),
        ("MBD1/WordDocument", "x"),
        ("MBD2/EncryptedPackage", "x"),
    ]);
    assert_eq!(told("a", &workbook), Ok(Format::Xls));
    let slides = compound(&[("PowerPoint Document", "x"), ("Embedded/Workbook", "x")]);
    assert_eq!(told("a", &slides), Ok(Format::Ppt));
}

#[test]
fn damaged_containers_are_what_their_names_say() {
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 3].to_vec();
    let head: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0";
    for (name, bytes, format) in [
        ("a.docx", cut(package("word/document.xml")), Format::Docx),
        ("a.epub", cut(epub("x", &[])), Format::Epub),
        ("a.ods", b"PK\x03\x04\0".to_vec(), Format::Ods),
        ("a.zip", b"PK\x03\x04\0".to_vec(), Format::Zip),
        ("a.doc", head.to_vec(), Format::Doc),
        ("a.docx", head.to_vec(), Format::Doc),
        ("a.msg", head.to_vec(), Format::Msg),
    ] {
        assert_eq!(told(name, &bytes), Ok(format), "{name}");
    }
}

#[test]
fn encrypted_archives_are_archives() {
    assert_eq!(told("a.zip", &encrypted_zip(&[("a.txt", "x")])), Ok(Format::Zip));
}

#[test]
fn text_is_text_whatever_signature_it_starts_with() {
    // Signatures of an executable, an image, an ID3 tag, an MPEG frame in a Cyrillic charset.
    for bytes in [
        &b"MZ is the signature of Mark Zbikowski"[..],
        b"BM stands for bitmap",
        b"ID3 tags hold titles",
        b"\xFF\xE2 \xEF\xF0\xE8\xE2\xE5\xF2 \xEC\xE8\xF0",
    ] {
        assert!(run("a.txt", bytes).is_ok(), "{bytes:?}");
    }
}

#[test]
fn an_html_document_is_one_under_a_name_that_promises_no_other_markup() {
    let page = b"\xEF\xBB\xBF<?xml version='1.0'?>\n<!-- a comment -->\n<!DOCTYPE HTML>\n<p>text";
    for (name, is_html) in [
        ("page", true),
        ("page.txt", true),
        ("page.xml", true),
        ("page.doc", true),
        ("page.asp", true),
        ("page.php", false),
        ("page.md", false),
        ("page.vue", false),
    ] {
        assert_eq!(told(name, page) == Ok(Format::Html), is_html, "{name}");
    }
    for (text, is_html) in [
        ("<html lang=en><p>x", true),
        ("<htmlx>x", false),
        ("x <html>", false),
        ("<!-- <html>", false),
    ] {
        assert_eq!(
            told("page", text.as_bytes()) == Ok(Format::Html),
            is_html,
            "{text}"
        );
    }
}

#[test]
fn a_message_has_headers() {
    for (name, text, is_mail) in [
        ("a.eml", "Subject: x\n\ntext", true),
        ("a.eml", "no headers\n", false),
        ("a.txt", "From: a\nTo: b\nSubject: c\n\ntext", true),
        (
            "a.txt",
            "From a@b Tue\nReceived: x\n  y\nTo: b\nSubject: c\n\ntext",
            true,
        ),
        ("a.txt", "From: a\nTo: b\n\ntext", false),
        ("a.txt", "From: a\nfree text: no\nTo: b\nSubject: c\n", false),
        ("a.md", "From: a\nTo: b\nSubject: c\n\ntext", false),
    ] {
        assert_eq!(
            told(name, text.as_bytes()) == Ok(Format::Eml),
            is_mail,
            "{name} {text}"
        );
    }
}

fn any_name() -> impl Strategy<Value = String> {
    let extension = prop::sample::select(vec![
        "", ".html", ".md", ".json", ".ipynb", ".csv", ".xls", ".rs", ".xml", ".txt", ".docx", ".svg",
        ".eml", ".msg", ".pdf", ".zip", ".doc", ".fodt", ".ps", ".yaml",
    ]);
    extension.prop_map(|extension| format!("a{extension}"))
}

fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        &b"%PDF-"[..],
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        b"{\\rtf",
        b"%!PS",
        b"%!PS-Adobe-",
        b"\xC5\xD0\xD3\xC6",
        b"<?xml version='1.0'?>",
        b"<html>",
        b"<!doctype html>",
        b"<office:document",
        b"From: a\n",
        b"To: b\n",
        b"Subject: c\n",
        b"\n\n",
        b"{\"cells\": [], \"nbformat\": 4}",
        b"{\"a\": 1}",
        b"[1]",
        b"#!/bin/sh\n",
        b"\xFF\xFE",
        b"\xFE\xFF",
        b"\xEF\xBB\xBF",
        b"\0",
        b"\x01",
        b"a\0b\0c\0d\0",
        b"text of some length, ",
        b"\xE9",
        b"W\0o\0r\0d\0D\0o\0c\0u\0m\0e\0n\0t\0",
    ]);
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn plain_text_is_told_without_a_look_into_containers(name in any_name(), bytes in any_content()) {
        // `told` compares.
        if let Err(error) = told(&name, &bytes) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn containers_are_never_plain(name in any_name(), bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for start in [&b"PK\x03\x04\0\0"[..], b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0"] {
            let bytes = [start, &bytes].concat();
            let input = Input { name: &name, bytes: &bytes, content_type: Some("text/plain") };
            prop_assert_eq!(plain(&input), None);
            drop(detect(&input));
        }
    }
}
