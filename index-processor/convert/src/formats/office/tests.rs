use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use crate::formats::fixtures::{
    code_of, convert_with, converted, damaged, docx, package, panics, places, pptx, shape,
};
use crate::{FileType, Options};

const STYLES: &str = "<w:styles xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
    <w:style w:type=\"paragraph\" w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"Heading2\"><w:name w:val=\"heading 2\"/></w:style></w:styles>";

const NUMBERING: &str = "<w:numbering xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
    <w:abstractNum w:abstractNumId=\"0\"><w:lvl w:ilvl=\"0\"><w:start w:val=\"1\"/><w:numFmt w:val=\"decimal\"/></w:lvl>\
    <w:lvl w:ilvl=\"1\"><w:numFmt w:val=\"bullet\"/></w:lvl></w:abstractNum>\
    <w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num></w:numbering>";

const NOTES: &str = "<w:footnotes xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
    <w:footnote w:id=\"2\"><w:p><w:r><w:t>The note.</w:t></w:r></w:p></w:footnote></w:footnotes>";

fn paragraph(properties: &str, text: &str) -> String {
    format!("<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>")
}

fn item(level: usize, text: &str) -> String {
    paragraph(
        &format!("<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"1\"/></w:numPr>"),
        text,
    )
}

fn rich_docx() -> Vec<u8> {
    let row = |a: &str, b: &str| {
        let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph("", text));
        format!("<w:tr>{}{}</w:tr>", cell(a), cell(b))
    };
    let body = [
        paragraph("<w:pStyle w:val=\"Heading1\"/>", "First heading"),
        "<w:p><w:r><w:t xml:space=\"preserve\">Plain, </w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>bold</w:t></w:r><w:r><w:t \
         xml:space=\"preserve\"> and </w:t></w:r><w:r><w:rPr><w:i/></w:rPr><w:t>italic</w:t></w:r><w:r><w:rPr><w:u w:val=\"single\"/></w:rPr>\
         <w:t xml:space=\"preserve\"> under</w:t></w:r><w:hyperlink r:id=\"rId1\"><w:r><w:t>link</w:t></w:r></w:hyperlink><w:r>\
         <w:footnoteReference w:id=\"2\"/></w:r></w:p>"
            .to_owned(),
        paragraph("<w:pStyle w:val=\"Heading2\"/>", "Second heading"),
        item(0, "one"),
        item(1, "inner"),
        item(0, "two"),
        format!("<w:tbl>{}{}</w:tbl>", row("Name", "Value"), row("a|b", "x")),
        "<w:p><w:r><w:br w:type=\"page\"/></w:r></w:p>".to_owned(),
        paragraph("<w:sectPr/>", "The cafe\u{301}\u{A0}end."),
    ]
    .concat();
    docx(
        &body,
        &[
            ("word/styles.xml", STYLES),
            ("word/numbering.xml", NUMBERING),
            ("word/footnotes.xml", NOTES),
        ],
    )
}

#[test]
fn everything_that_a_reader_of_word_sees() {
    insta::assert_snapshot!(converted("a.docx", &rich_docx()).markdown);
}

#[test]
fn equations_are_written_on_one_line() {
    let run = |text: &str| format!("<m:r><m:t>{text}</m:t></m:r>");
    let square = format!(
        "<m:sSup><m:e>{}</m:e><m:sup>{}</m:sup></m:sSup>",
        run("r"),
        run("2")
    );
    let half = format!(
        "<m:f><m:num>{}</m:num><m:den>{}</m:den></m:f>",
        run("1"),
        run("2n")
    );
    let root = format!("<m:rad><m:deg/><m:e>{}</m:e></m:rad>", run("x"));
    let body = format!(
        "<w:p><w:r><w:t xml:space=\"preserve\">Area: </w:t></w:r><m:oMath>{}{square}</m:oMath><w:r><w:t>.</w:t></w:r></w:p>\
         <w:p><m:oMathPara><m:oMath>{half}{}{root}</m:oMath></m:oMathPara></w:p>",
        run("A = π"),
        run(" &lt; ")
    );
    let markdown = converted("a.docx", &docx(&body, &[])).markdown;
    assert_eq!(markdown, "Area: A = πr^2.\n\n1/(2n) < √(x)\n");
}

#[test]
fn slides_have_titles_and_their_own_notes() {
    let first = format!("{}{}", shape("title", "First"), shape("body", "point\nother"));
    let second = format!("{}{}", shape("ctrTitle", "Second"), shape("subTitle", "below"));
    // The notes of the second slide are in the first part of notes.
    let file = pptx(&[(&first, None), (&second, Some((1, "say this")))]);
    let document = converted("a.pptx", &file);
    assert_eq!(
        document.markdown,
        "## First\n\npoint\n\nother\n\n## Second\n\n### below\n\nNotes:\n\nsay this\n"
    );
    assert_eq!(places(&document), ["slide 1: ## First", "slide 2: ## Second"]);
}

#[test]
fn a_slide_that_cannot_be_read_is_not_dropped_in_silence() {
    let slide = shape("title", "Good");
    let document = converted(
        "a.pptx",
        &pptx(&[(&slide, None), ("<p:sp><broken", None), (&slide, None)]),
    );
    assert_eq!(document.markdown, "## Good\n\n## Good\n");
    let unread: Vec<_> = document
        .unread()
        .map(|(place, unread)| (place.to_string(), unread.code.clone()))
        .collect();
    assert_eq!(unread, [("slide 2".to_owned(), "corrupt".to_owned())]);
}

fn rich_xlsx() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("Sales & co").unwrap();
    sheet.write(2, 1, "Report of the year").unwrap();
    for (column, name) in (1..).zip(["Day", "Sum", "Share", "Done", "Text"]) {
        sheet.write(4, column, name).unwrap();
    }
    let day = ExcelDateTime::from_ymd(2024, 1, 5).unwrap();
    sheet
        .write_with_format(5, 1, &day, &Format::new().set_num_format("d mmm yyyy"))
        .unwrap();
    sheet
        .write_with_format(5, 2, 1234.5, &Format::new().set_num_format("#,##0.00 [$€-407]"))
        .unwrap();
    sheet
        .write_with_format(5, 3, 0.256, &Format::new().set_num_format("0.0%"))
        .unwrap();
    sheet.write(5, 4, true).unwrap();
    sheet.write(5, 5, "a|b\nc").unwrap();
    sheet
        .write_with_format(6, 1, &day, &Format::new().set_num_format_index(14))
        .unwrap();
    sheet
        .write_formula(6, 2, Formula::new("=1+1").set_result("2"))
        .unwrap();
    sheet
        .write_formula(6, 3, Formula::new("=1/0").set_result("#DIV/0!"))
        .unwrap();
    sheet.write(6, 5, 0.1 + 0.2).unwrap();
    sheet.merge_range(7, 1, 7, 3, "merged", &Format::new()).unwrap();
    // Far away and without a value.
    sheet
        .write_blank(900_000, 200, &Format::new().set_bold())
        .unwrap();
    let other = workbook.add_worksheet().set_name("Other").unwrap();
    other.write(0, 0, "only").unwrap();
    workbook.add_worksheet().set_name("Empty").unwrap();
    workbook.save_to_buffer().unwrap()
}

#[test]
fn sheets_show_what_their_cells_show() {
    let document = converted("a.xlsx", &rich_xlsx());
    insta::assert_snapshot!(document.markdown);
    assert_eq!(
        places(&document),
        [
            "sheet Sales & co: ## Sales & co",
            "sheet Other: ## Other",
            "sheet Empty: ## Empty"
        ]
    );
}

#[test]
fn a_sheet_of_10_000_columns_is_not_truncated() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for column in 0..10_000 {
        sheet.write(0, column, format!("c{column}")).unwrap();
        sheet.write(1, column, f64::from(column)).unwrap();
    }
    let document = converted("a.xlsx", &workbook.save_to_buffer().unwrap());
    let lines: Vec<_> = document.markdown.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[2].ends_with("| c9999 |") && lines[4].ends_with("| 9999 |"));
}

#[test]
fn two_cells_far_apart_are_a_small_table() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("S").unwrap();
    sheet.write(0, 0, "first").unwrap();
    sheet.write(0, 1, "second").unwrap();
    sheet.write(1_048_575, 16_383, "last").unwrap();
    let document = converted("a.xlsx", &workbook.save_to_buffer().unwrap());
    assert_eq!(
        document.markdown,
        "## S\n\n| first | second |  |\n| --- | --- | --- |\n|  |  | last |\n"
    );
}

#[test]
fn text_beyond_the_limit_is_refused_on_the_way() {
    let options = Options {
        max_output_bytes: 200,
        ..Options::default()
    };
    let error = convert_with("a.xlsx", &rich_xlsx(), &options).unwrap_err();
    assert_eq!(error.code(), "output_too_large");
}

#[test]
fn bombs_end_at_the_allowance() {
    let text = paragraph("", &"a".repeat(1 << 20));
    let options = Options {
        max_unpacked_bytes: 1 << 16,
        ..Options::default()
    };
    let slide = shape("body", &"a".repeat(1 << 20));
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for row in 0..10_000 {
        sheet.write(row, 0, 1).unwrap();
    }
    for (name, file) in [
        ("a.docx", docx(&text, &[])),
        ("a.pptx", pptx(&[(&slide, None)])),
        ("a.xlsx", workbook.save_to_buffer().unwrap()),
    ] {
        let error = convert_with(name, &file, &options).unwrap_err();
        assert_eq!(error.code(), "too_large_unpacked", "{name}");
    }
    // A package that understates what is in it.
    let mut lying = docx(&text, &[]);
    let stated = u32::try_from(text.len()).unwrap();
    assert!(stated > 1 << 20);
    let sizes: Vec<usize> = (0..lying.len() - 4)
        .filter(|at| u32::from_le_bytes(lying[*at..*at + 4].try_into().unwrap()) >> 17 == stated >> 17)
        .collect();
    for at in sizes {
        lying[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    let error = convert_with("a.docx", &lying, &options).unwrap_err();
    assert!(
        matches!(error.code(), "too_large_unpacked" | "corrupt"),
        "{error}"
    );
}

#[test]
fn elements_may_be_nested_without_end() {
    for (open, close) in [
        ("<w:p><w:r>", "</w:r></w:p>"),
        ("<w:sdt><w:sdtContent>", "</w:sdtContent></w:sdt>"),
        ("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>"),
    ] {
        let body = format!("{}{}", open.repeat(300), close.repeat(300));
        assert!(!panics("a.docx", &docx(&body, &[])), "{open}");
    }
    let slide = format!("{}{}", "<p:grpSp>".repeat(10_000), "</p:grpSp>".repeat(10_000));
    assert!(!panics("a.pptx", &pptx(&[(&slide, None)])));
}

#[test]
fn files_that_cannot_be_read_say_why() {
    assert_eq!(
        code_of("a.docx", &package(&[("word/nothing.xml", "")])),
        "corrupt"
    );
    assert_eq!(code_of("a.xlsx", &package(&[("xl/nothing.xml", "")])), "corrupt");
    assert_eq!(code_of("a.pptx", &package(&[("ppt/nothing.xml", "")])), "corrupt");
    // The container of encrypted documents.
    let encrypted = crate::testing::compound(&[("EncryptedPackage", "x")]);
    assert_eq!(code_of("a.docx", &encrypted), "password_protected");
    let mut old = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    old.resize(4096, 0);
    for name in ["a.doc", "a.xls", "a.ppt"] {
        assert_eq!(code_of(name, &old), "corrupt");
    }
    let error = convert_with("a.doc", &old, &Options::default()).unwrap_err();
    assert_eq!(error.code(), "legacy_office");
    assert!(FileType::Doc.is_blocked_by_default());
}

#[test]
fn damaged_copies_are_read_or_refused() {
    assert_eq!(damaged("a.docx", &rich_docx()), 0);
    assert_eq!(
        damaged("a.pptx", &pptx(&[(&shape("title", "First"), Some((1, "note")))])),
        0
    );
    assert_eq!(damaged("a.xlsx", &rich_xlsx()), 0);
}
