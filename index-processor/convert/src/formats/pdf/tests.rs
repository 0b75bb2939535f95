use lopdf::{EncryptionState, EncryptionVersion, Object, Permissions, dictionary};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::pdf_fixture::{Page, Picture, bytes, document, pdf};
use crate::{ConvertError, Document, Input, Options, convert};

fn read(bytes: &[u8]) -> Result<Document, ConvertError> {
    let input = Input {
        name: "report.pdf",
        bytes,
        content_type: None,
    };
    let document = convert(&input, &Options::default());
    if let Ok(document) = &document {
        let mut last = 0;
        for part in &document.about.parts {
            assert!(part.start >= last && document.markdown.is_char_boundary(part.start));
            last = part.start;
        }
    }
    document
}

/// The text of each page, and the code of why it is not read.
fn pages(document: &Document) -> Vec<(&str, Option<&str>)> {
    let parts = &document.about.parts;
    let ends = parts.iter().skip(1).map(|part| part.start);
    let ends = ends.chain([document.markdown.len()]);
    let text = |start, end| document.markdown[start..end].trim();
    parts
        .iter()
        .zip(ends)
        .map(|(part, end)| {
            (
                text(part.start, end),
                part.unread.as_ref().map(|unread| &*unread.code),
            )
        })
        .collect()
}

const PROSE: [&str; 4] = [
    "The harbour keeps a record of every ship that enters, with the name of the",
    "master, the port of origin and what is in the holds. Clerks compare the record",
    "with the bills of lading once a day, and tell the customs office what they found",
    "to be different.",
];

fn article() -> Page {
    Page::new()
        .text(72, 770, 24, "Harbour Records")
        .text(72, 730, 16, "How they are kept")
        .lines(72, 700, &PROSE)
        .text(72, 620, 16, "What they cost")
        .lines(72, 595, &["The yearly cost is below."])
        .table(
            72,
            570,
            &[
                &["Year", "Clerks", "Cost"],
                &["2023", "12", "340"],
                &["2024", "14", "395"],
            ],
        )
        .lines(72, 480, &["See the tariff for what is paid by whom."])
        .link([72, 476, 270, 492], "https://example.org/tariff")
}

#[test]
fn headings_paragraphs_tables_and_links() {
    let document = read(&pdf(&[article()])).unwrap();
    assert_eq!(document.about.title.as_deref(), Some("Harbour Records"));
    assert_eq!(document.about.converter, "pdf");
    assert_eq!(document.about.mime, "application/pdf");
    insta::assert_snapshot!(document.markdown);
}

#[test]
fn columns_are_read_one_after_the_other() {
    let left = [
        "Alpha one two three four five six",
        "alpha seven eight nine ten eleven",
        "alpha twelve thirteen fourteen and",
        "alpha fifteen sixteen seventeen.",
    ];
    let right = [
        "Beta one two three four five six",
        "beta seven eight nine ten eleven",
        "beta twelve thirteen fourteen and",
        "beta fifteen sixteen seventeen.",
    ];
    let document = read(&pdf(&[Page::new().lines(60, 700, &left).lines(320, 700, &right)])).unwrap();
    let text = &document.markdown;
    assert!(text.rfind("lpha").unwrap() < text.find("Beta").unwrap(), "{text}");
}

#[test]
fn every_page_is_a_part() {
    let document = read(&pdf(&[
        Page::new().lines(72, 700, &["First page."]),
        Page::new(),
        Page::new().lines(72, 700, &["Third page."]),
        Page::new(),
    ]))
    .unwrap();
    assert_eq!(
        pages(&document),
        [
            ("First page.", None),
            ("", None),
            ("Third page.", None),
            ("", None)
        ]
    );
    assert_eq!(document.markdown, "First page.\n\nThird page.\n");
    let numbers: Vec<_> = document.about.parts.iter().map(|part| part.place.page).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4)]);
}

#[test]
fn running_headers_and_footers_are_said_once() {
    let page = |number: u32, text: &str| {
        Page::new()
            .text(72, 800, 9, "Harbour Authority - Yearly Report")
            .lines(
                72,
                700,
                &[text, "and this is the second line of what is said on the page."],
            )
            .text(72, 30, 9, &format!("Confidential - Page {number} of 4"))
            .text(520, 60, 9, &format!("{number}"))
    };
    let document = read(&pdf(&[
        page(1, "Ships come in."),
        page(2, "Cargo is unloaded."),
        page(3, "Duties are paid."),
        page(4, "Ships leave."),
    ]))
    .unwrap();
    insta::assert_snapshot!(document.markdown);
}

#[test]
fn a_scanned_page_needs_ocr_and_the_others_are_read() {
    let document = read(&pdf(&[
        Page::new().lines(72, 700, &PROSE),
        Page::new().picture(Picture::grey()),
        Page::new()
            .picture(Picture::grey())
            .text(300, 600, 8, "Received on 3 May"),
    ]))
    .unwrap();
    let codes: Vec<_> = pages(&document).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [None, Some("needs_ocr"), Some("needs_ocr")]);
    assert!(document.markdown.starts_with("The harbour keeps"));
    assert!(
        document.markdown.ends_with("Received on 3 May\n"),
        "it is all there is until OCR says more"
    );
}

#[test]
fn a_document_of_scans_is_a_document_without_text() {
    let document = read(&pdf(&[Page::new().picture(Picture::grey())])).unwrap();
    assert_eq!(pages(&document), [("", Some("needs_ocr"))]);
}

#[test]
fn a_picture_beside_text_is_no_scan() {
    let page = Page::new().lines(72, 700, &PROSE).picture(Picture::grey());
    assert_eq!(pages(&read(&pdf(&[page])).unwrap())[0].1, None);
}

#[test]
fn letters_drawn_as_shapes_need_ocr() {
    let shapes = "10 10 m 20 10 l 20 20 l f ".repeat(60);
    let document = read(&pdf(&[Page::new().operators(&shapes)])).unwrap();
    assert_eq!(pages(&document), [("", Some("needs_ocr"))]);
}

#[test]
fn text_without_known_characters_is_not_read() {
    let document = read(&pdf(&[Page::new().codes(&"00030011002A00C1".repeat(20))])).unwrap();
    assert_eq!(pages(&document), [("", Some("text_unreadable"))]);
}

#[test]
fn a_form_that_only_one_program_shows_is_not_content() {
    let document = read(&pdf(&[Page::new().lines(
        72,
        700,
        &[
            "Please wait...",
            "If this message is not eventually replaced with the proper contents of the document,",
            "your PDF viewer may not be able to display this type of document.",
        ],
    )]))
    .unwrap();
    assert_eq!(pages(&document), [("", Some("placeholder_text"))]);
}

#[test]
fn a_damaged_page_does_not_take_the_others_with_it() {
    let mut document = document(&[
        Page::new().lines(72, 700, &["Whole."]),
        Page::new().lines(72, 700, &["Broken."]),
    ]);
    let page = *document.get_pages().get(&2).unwrap();
    let content = document.get_page_contents(page)[0];
    let stream = document.get_object_mut(content).unwrap().as_stream_mut().unwrap();
    stream.dict.set("Filter", "FlateDecode");
    stream.content = b"this is not deflated".to_vec();
    let document = read(&bytes(document)).unwrap();
    assert_eq!(
        pages(&document),
        [("Whole.", None), ("", Some("page_unreadable"))]
    );
}

#[test]
fn what_is_filled_into_a_form_is_read() {
    let mut document = document(&[Page::new().lines(72, 700, &["Application"])]);
    let field = document.add_object(dictionary! {
        "FT" => "Tx", "T" => Object::string_literal("First_Name[0]"), "V" => Object::string_literal("Grace"),
    });
    let empty = document.add_object(dictionary! { "FT" => "Tx", "T" => Object::string_literal("Age") });
    let catalog = document.trailer.get(b"Root").unwrap().as_reference().unwrap();
    document.get_dictionary_mut(catalog).unwrap().set(
        "AcroForm",
        dictionary! { "Fields" => vec![field.into(), empty.into()] },
    );
    let document = read(&bytes(document)).unwrap();
    assert_eq!(document.markdown, "Application\n\n- First Name: Grace\n");
    assert_eq!(
        document.place_at(document.markdown.len() - 1),
        crate::Place::default()
    );
}

fn encrypted(user_password: &str) -> Vec<u8> {
    let mut document = document(&[Page::new().lines(72, 700, &["For your eyes only."])]);
    let id = Object::string_literal("0123456789abcdef");
    document.trailer.set("ID", vec![id.clone(), id]);
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password,
        key_length: 128,
        permissions: Permissions::all(),
    };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    bytes(document)
}

#[test]
fn a_password_is_needed_or_not() {
    assert_eq!(
        read(&encrypted("secret")).unwrap_err().code(),
        "password_protected"
    );
    assert_eq!(read(&encrypted("")).unwrap().markdown, "For your eyes only.\n");
}

#[test]
fn bytes_before_the_header_are_skipped() {
    let plain = pdf(&[article()]);
    let expected = read(&plain).unwrap().markdown;
    for before in [&b"\n\n"[..], b"\0\x01garbage\xFF\xFE ", &[b' '; 900]] {
        let document = read(&[before, &plain].concat()).unwrap();
        assert_eq!(document.markdown, expected);
    }
}

#[test]
fn what_is_no_pdf_is_corrupt() {
    for content in [
        "%PDF-1.7\n",
        "%PDF-1.7\nand then nothing of the kind\n%%EOF",
        "%PDF-",
    ] {
        assert_eq!(
            read(content.as_bytes()).unwrap_err().code(),
            "corrupt",
            "{content:?}"
        );
    }
}

#[test]
fn a_cut_document_is_read_or_refused() {
    let whole = pdf(&[article(), article()]);
    for length in (0..whole.len()).step_by(whole.len() / 40) {
        if let Err(error) = read(&whole[..length]) {
            assert!(["corrupt", "empty"].contains(&error.code()), "{error:?}");
        }
    }
}

#[test]
fn a_page_tree_that_goes_in_circles_ends() {
    let mut document = document(&[Page::new().lines(72, 700, &["Once."])]);
    let catalog = document.catalog().unwrap();
    let tree = catalog.get(b"Pages").unwrap().as_reference().unwrap();
    let kids = document
        .get_dictionary_mut(tree)
        .unwrap()
        .get_mut(b"Kids")
        .unwrap();
    kids.as_array_mut().unwrap().push(tree.into());
    match read(&bytes(document)) {
        Ok(document) => assert_eq!(document.markdown, "Once.\n"),
        Err(error) => assert_eq!(error.code(), "corrupt"),
    }
}

#[test]
fn pages_that_are_missing_are_told() {
    let mut document = document(&[
        Page::new().lines(72, 700, &["One."]),
        Page::new().lines(72, 700, &["Two."]),
    ]);
    let page = *document.get_pages().get(&2).unwrap();
    document.objects.remove(&page);
    let document = read(&bytes(document)).unwrap();
    let codes: Vec<_> = document.unread().map(|(_, unread)| &*unread.code).collect();
    assert_eq!(codes, ["pages_missing"]);
}

#[test]
fn more_text_than_allowed_is_refused() {
    let options = Options {
        max_output_bytes: 1000,
        ..Options::default()
    };
    let pages = vec![article(); 20];
    let input = Input {
        name: "a.pdf",
        bytes: &pdf(&pages),
        content_type: None,
    };
    assert_eq!(convert(&input, &options).unwrap_err().code(), "output_too_large");
}

proptest! {
    // The same cases every time: the parser is not ours, and what else it stumbles over is for fuzzing to find.
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn flipped_bits_are_read_or_refused_and_always_the_same(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..20),
    ) {
        let mut bytes = pdf(&[article(), Page::new().picture(Picture::grey())]);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        prop_assert_eq!(read(&bytes), read(&bytes));
    }

    #[test]
    fn any_text_comes_through(words in prop::collection::vec("[a-zA-Z]{2,12}", 1..40)) {
        let lines: Vec<String> = words.chunks(6).map(|words| words.join(" ")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let document = read(&pdf(&[Page::new().lines(72, 700, &lines)])).unwrap();
        let letters = |text: &str| text.chars().filter(char::is_ascii_alphabetic).collect::<String>();
        prop_assert_eq!(letters(&document.markdown), words.concat());
    }
}
