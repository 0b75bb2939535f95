use crate::{ConvertError, Input, Options, convert};

fn refusal(name: &str, bytes: &[u8]) -> ConvertError {
    convert(
        &Input {
            name,
            bytes,
            content_type: None,
        },
        &Options::default(),
    )
    .unwrap_err()
}

const CFB: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0\0\0\0\0";

#[test]
fn what_is_not_text_is_refused_under_its_own_name() {
    let png = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR";
    let pdf = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\n";
    for (name, bytes, code, what) in [
        (
            "a.png",
            &png[..],
            "unsupported_type",
            "PNG is not indexed by this build",
        ),
        ("a.txt", png, "unsupported_type", "PNG is"),
        ("a.pdf", pdf, "unsupported_type", "PDF is"),
        ("a.md", pdf, "unsupported_type", "PDF is"),
        ("a.doc", b"{\\rtf1 text}", "unsupported_type", "RTF is"),
        ("a.zip", b"PK\x03\x04\0\0\0\0", "unsupported_type", "ZIP is"),
        ("a.svg", b"<svg></svg>", "unsupported_type", "SVG image is"),
        (
            "a.eml",
            b"Subject: x\n\ntext",
            "unsupported_type",
            "email message",
        ),
        ("a.msg", CFB, "unsupported_type", "Outlook message"),
        (
            "a.dat",
            b"\0\x01\x02",
            "unsupported_type",
            "binary file of unknown type",
        ),
        ("a.csv", b"a,b\n1,\0\n", "binary_content", "it has NUL bytes"),
        (
            "a.txt",
            b"\x01\x02\x03\x04text",
            "binary_content",
            "control characters",
        ),
        ("a.docx", CFB, "encrypted", "password"),
        ("a.doc", CFB, "legacy_office", "DOCX"),
        ("a.xls", CFB, "legacy_office", "XLSX"),
        ("a.ppt", CFB, "legacy_office", "PPTX"),
        ("a.mp3", b"ID3\x04\0\0\0\0\0\0", "audio_video", "transcript"),
        ("a.ogg", b"OggS\0\x02\0\0", "audio_video", "transcript"),
        (
            "a.mp4",
            b"\0\0\0\x18ftypmp42\0\0\0\0",
            "audio_video",
            "transcript",
        ),
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt ", "audio_video", "transcript"),
    ] {
        let error = refusal(name, bytes);
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(what), "{name}: {error}");
        let is_policy = matches!(code, "legacy_office" | "audio_video");
        assert_eq!(matches!(error, ConvertError::Blocked { .. }), is_policy, "{name}");
    }
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
        assert!(
            convert(
                &Input {
                    name: "a.txt",
                    bytes,
                    content_type: None
                },
                &Options::default()
            )
            .is_ok(),
            "{bytes:?}"
        );
    }
}

#[test]
fn an_html_document_is_one_under_a_name_that_promises_no_other_markup() {
    use crate::document::DocumentKind;
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
        let kind = convert(
            &Input {
                name,
                bytes: page,
                content_type: None,
            },
            &Options::default(),
        )
        .unwrap()
        .about
        .kind;
        assert_eq!(kind == DocumentKind::Html, is_html, "{name}");
    }
    for (text, is_html) in [
        ("<html lang=en><p>x", true),
        ("<htmlx>x", false),
        ("x <html>", false),
        ("<!-- <html>", false),
    ] {
        let kind = convert(
            &Input {
                name: "page",
                bytes: text.as_bytes(),
                content_type: None,
            },
            &Options::default(),
        )
        .unwrap()
        .about
        .kind;
        assert_eq!(kind == DocumentKind::Html, is_html, "{text}");
    }
}
