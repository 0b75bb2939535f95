use encoding_rs::{SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

use super::*;

fn text(bytes: &[u8]) -> Decoded {
    decode(
        &Input {
            name: "",
            bytes,
            content_type: None,
        },
        |_| None,
    )
    .unwrap()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn marks_and_their_absence() {
    let sample = "Grüße, 世界\n";
    let utf32 = |unit: fn(u32) -> [u8; 4]| {
        format!("\u{FEFF}{sample}")
            .chars()
            .flat_map(|c| unit(u32::from(c)))
            .collect()
    };
    let marked = format!("\u{FEFF}{sample}");
    let inputs: [(&str, Vec<u8>); 6] = [
        ("UTF-8", sample.into()),
        ("UTF-8 with a mark", marked.clone().into()),
        ("UTF-16LE", utf16(&marked, u16::to_le_bytes)),
        ("UTF-16BE", utf16(&marked, u16::to_be_bytes)),
        ("UTF-32LE", utf32(u32::to_le_bytes)),
        ("UTF-32BE", utf32(u32::to_be_bytes)),
    ];
    for (name, bytes) in inputs {
        let decoded = text(&bytes);
        assert_eq!(decoded.text, sample, "{name}");
        assert_eq!(decoded.warnings, [""; 0], "{name}");
    }
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        assert_eq!(
            text(&utf16("Plain Latin text, no mark.", unit)).text,
            "Plain Latin text, no mark."
        );
    }
}

#[test]
fn legacy_charsets_are_guessed_with_a_warning_and_believed_when_declared() {
    let russian = "Привет, мир! Это текст на русском языке.";
    let (bytes, ..) = WINDOWS_1251.encode(russian);
    let decoded = text(&bytes);
    assert_eq!(decoded.text, russian);
    assert_eq!(
        decoded.warnings,
        ["the charset is not declared; it was read as windows-1251"]
    );

    let japanese = "これは日本語のテキストです。";
    let (bytes, ..) = SHIFT_JIS.encode(japanese);
    let input = Input {
        name: "",
        bytes: &bytes,
        content_type: Some("text/plain; Charset=\"shift_jis\""),
    };
    let decoded = decode(&input, |_| None).unwrap();
    assert_eq!((decoded.text.as_str(), decoded.warnings.len()), (japanese, 0));

    let (bytes, ..) = encoding_rs::ISO_2022_JP.encode(japanese);
    assert_eq!(text(&bytes).text, japanese);
    assert_eq!(
        text(b"\x1B[1mbold\x1B[0m in a terminal").text,
        "\x1B[1mbold\x1B[0m in a terminal"
    );
}

#[test]
fn valid_utf8_wins_over_a_wrong_label() {
    let input = Input {
        name: "",
        bytes: "naïve café".as_bytes(),
        content_type: Some("text/plain; charset=windows-1252"),
    };
    assert_eq!(decode(&input, |_| Some(WINDOWS_1252)).unwrap().text, "naïve café");
}

#[test]
fn damaged_utf8_stays_utf8() {
    let mut bytes = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. "
        .repeat(3)
        .into_bytes();
    bytes.extend(b"\xC3 \xFF");
    let decoded = text(&bytes);
    assert!(
        decoded.text.contains("Boxkämpfer") && decoded.text.ends_with("\u{FFFD} \u{FFFD}"),
        "{}",
        decoded.text
    );
    assert_eq!(
        decoded.warnings,
        ["2 places are not valid UTF-8 and were replaced"]
    );
}

#[test]
fn too_many_broken_places_are_no_text() {
    let mut bytes = b"\xFF\xFE\0\0".to_vec();
    bytes.extend([0xFF; 40]);
    let error = decode(
        &Input {
            name: "",
            bytes: &bytes,
            content_type: None,
        },
        |_| None,
    )
    .map(|_| ())
    .unwrap_err();
    assert_eq!(error.code(), "binary_content");
}
