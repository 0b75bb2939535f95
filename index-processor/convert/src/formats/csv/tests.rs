use proptest::prelude::*;

use super::*;
use crate::{Document, Options, convert};

fn run(name: &str, text: &str) -> Document {
    convert(
        &Input {
            name,
            bytes: text.as_bytes(),
            content_type: None,
        },
        &Options::default(),
    )
    .unwrap()
}

#[test]
fn one_record_is_one_line() {
    let text = "Name,Note\nAnn,\"two\r\nlines, and a | bar\"\nBo,\"said \"\"hi\"\"\"\n,\n";
    insta::assert_snapshot!(run("a.csv", text).markdown, @r#"
    | Name | Note |
    | --- | --- |
    | Ann | two<br>lines, and a \| bar |
    | Bo | said "hi" |
    "#);
}

#[test]
fn ragged_rows_keep_every_cell_under_a_heading() {
    insta::assert_snapshot!(run("a.csv", "a,b\n1\n1,2,3,4\n1,2\n").markdown, @r"
    | a | b |  |  |
    | --- | --- | --- | --- |
    | 1 |
    | 1 | 2 | 3 | 4 |
    | 1 | 2 |
    ");
}

#[test]
fn a_file_without_names_gets_numbers() {
    insta::assert_snapshot!(run("a.csv", "1,Ann\n2,Bo\n").markdown, @r"
    | column 1 | column 2 |
    | --- | --- |
    | 1 | Ann |
    | 2 | Bo |
    ");
}

#[test]
fn delimiters() {
    for (name, text, first) in [
        ("a.csv", "a;b\n1,5;2,5\n3,5;4,5\n", "| 1,5 | 2,5 |"),
        ("a.csv", "a\tb\n1, x\t2\n", "| 1, x | 2 |"),
        ("a.csv", "a|b\n1|2\n", "| 1 | 2 |"),
        ("a.tsv", "a\tb\nx, y\tz\n", "| x, y | z |"),
        ("a.csv", "sep=;\na;b\n1;2\n", "| 1 | 2 |"),
        ("a.csv", "a,b\n\"x;y\",\"z;w\"\n", "| x;y | z;w |"),
    ] {
        assert_eq!(run(name, text).markdown.lines().nth(2), Some(first), "{text:?}");
    }
}

#[test]
fn prose_is_no_table() {
    let document = run("a.csv", "just a line\nand another\n");
    assert_eq!(document.about.kind, DocumentKind::Text);
    assert_eq!(document.about.warnings.len(), 1);
}

#[test]
fn a_quotation_mark_that_never_closes_swallows_nothing() {
    let document = run("a.tsv", "size\tname\n\"3\tfloppy\n1\ty\n");
    assert_eq!(document.markdown.lines().count(), 4);
    assert_eq!(
        document.about.warnings,
        ["quotation marks do not pair up; they were taken as plain characters"]
    );
}

#[test]
fn one_wide_row_among_many_short_ones_stays_small() {
    let text = format!("a,b\n{}\n{}", ",".repeat(50_000), "1,2\n".repeat(50_000));
    let document = run("a.csv", &text);
    assert!(
        document.markdown.len() < text.len() * 6,
        "{} from {}",
        document.markdown.len(),
        text.len()
    );
}

proptest! {
    /// Whatever the cells hold: one line per record, and the cells come back in order.
    #[test]
    fn every_cell_is_in_its_row(
        rows in prop::collection::vec(prop::collection::vec("[a-z|,;\"\n\t ]{0,6}", 3), 1..12),
    ) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["x", "y", "z"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let dialect = Dialect::sniff("a,b\n", b',').unwrap();
        let table = table(&text, dialect).unwrap();
        let cells = |row: &[String]| {
            row.iter().map(|cell| cell.trim().replace('|', "\\|").replace('\n', "<br>")).collect::<Vec<_>>()
        };
        let expected: Vec<String> = rows
            .iter()
            .filter(|row| row.iter().any(|cell| !cell.trim().is_empty()))
            .map(|row| format!("| {} |", cells(row).join(" | ")))
            .collect();
        let got: Vec<&str> = table.lines().skip(2).collect();
        prop_assert_eq!(got, expected);
    }
}
