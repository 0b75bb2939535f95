use crate::Options;
use crate::formats::fixtures::{
    code_of, convert_with, converted, damaged, odf, odf_xml, package, panics, places,
};

const STYLES: &str = "<style:style style:name=\"B\" style:family=\"text\"><style:text-properties fo:font-weight=\"bold\"/></style:style>\
    <style:style style:name=\"I\" style:family=\"text\" style:parent-style-name=\"B\">\
    <style:text-properties fo:font-style=\"italic\" fo:font-weight=\"normal\"/></style:style>\
    <style:style style:name=\"C\" style:family=\"text\"><style:text-properties style:font-name=\"Liberation Mono\"/></style:style>\
    <style:style style:name=\"P1\" style:family=\"paragraph\" style:parent-style-name=\"Title\"/>\
    <text:list-style style:name=\"L1\"><text:list-level-style-number text:level=\"1\" style:num-format=\"1\"/>\
    <text:list-level-style-bullet text:level=\"2\"/></text:list-style>";

const TEXT: &str = "<text:sequence-decls><text:sequence-decl text:name=\"x\"/></text:sequence-decls>\
    <text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>\
    <text:p text:style-name=\"P1\">The title</text:p>\
    <text:table-of-content><text:p>Contents</text:p></text:table-of-content>\
    <text:h text:outline-level=\"2\">A <text:span text:style-name=\"B\">heading</text:span></text:h>\
    <text:p>Plain,  <text:span text:style-name=\"B\">bold </text:span><text:span text:style-name=\"I\">italic</text:span> and\n   \
    <text:span text:style-name=\"C\">code</text:span><text:s text:c=\"3\"/>end<text:line-break/>next \
    <text:a xlink:href=\"https://example.com/\">link</text:a><text:note text:note-class=\"footnote\"><text:note-citation>1</text:note-citation>\
    <text:note-body><text:p>The note.</text:p></text:note-body></text:note>.<office:annotation><text:p>comment</text:p></office:annotation></text:p>\
    <text:list text:style-name=\"L1\"><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>inner</text:p></text:list-item>\
    </text:list></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>\
    <table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Name</text:p></table:table-cell>\
    <table:table-cell><text:p>Value</text:p></table:table-cell></table:table-row></table:table-header-rows>\
    <table:table-row><table:table-cell><text:p>a|b</text:p></table:table-cell><table:table-cell><text:p>x</text:p><text:p>y</text:p></table:table-cell>\
    </table:table-row><table:table-row><table:table-cell table:number-columns-repeated=\"1000000000\"/></table:table-row></table:table>\
    <text:p>Around<draw:frame><draw:text-box><text:p>In a box</text:p></draw:text-box></draw:frame><draw:frame><draw:image/>\
    <svg:desc>A duck</svg:desc></draw:frame> it.</text:p><text:p>1. no list</text:p>";

#[test]
fn everything_that_a_reader_of_a_text_sees() {
    let document = converted("a.odt", &odf("text", STYLES, TEXT));
    insta::assert_snapshot!(document.markdown);
    assert_eq!(document.about.mime, "application/vnd.oasis.opendocument.text");
    assert_eq!(document.about.title.as_deref(), Some("The title"));
}

const SLIDES: &str = "<draw:page><draw:frame presentation:class=\"outline\"><draw:text-box><text:list><text:list-item><text:p>point</text:p>\
    </text:list-item></text:list></draw:text-box></draw:frame><draw:frame presentation:class=\"title\"><draw:text-box><text:p>First</text:p>\
    </draw:text-box></draw:frame><draw:frame presentation:class=\"footer\"><draw:text-box><text:p>every page</text:p></draw:text-box></draw:frame>\
    <presentation:notes><draw:page-thumbnail/><draw:frame><draw:text-box><text:p>say this</text:p></draw:text-box></draw:frame>\
    </presentation:notes></draw:page><draw:page><draw:custom-shape><text:p>drawn</text:p></draw:custom-shape></draw:page>";

#[test]
fn slides_have_titles_and_notes() {
    let document = converted("a.odp", &odf("presentation", "", SLIDES));
    assert_eq!(
        document.markdown,
        "## First\n\n- point\n\nNotes:\n\nsay this\n\ndrawn\n"
    );
    assert_eq!(places(&document), ["slide 1: ## First", "slide 2: drawn"]);
}

fn cell(attributes: &str, text: &str) -> String {
    format!("<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>")
}

#[test]
fn sheets_show_what_their_cells_show() {
    let body = format!(
        "<table:table table:name=\"First &amp; last\"><table:table-column/>\
         <table:table-row table:number-rows-repeated=\"3\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>\
         <table:table-row><table:table-cell/>{}{}</table:table-row><table:table-row><table:table-cell/>{}{}</table:table-row>\
         <table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell table:number-columns-repeated=\"1000000000\"/>\
         </table:table-row></table:table><table:table table:name=\"Two\"><table:table-row>{}\
         <table:table-cell office:value-type=\"float\" office:value=\"7\"/></table:table-row></table:table>",
        cell("", "Share"),
        cell("", "R&amp;D&#233;"),
        cell("office:value-type=\"percentage\" office:value=\"0.256\"", "25.6%"),
        cell(
            "office:value-type=\"date\" office:date-value=\"2024-01-05\"",
            "5 Jan<text:s/>24<office:annotation><text:p>no</text:p></office:annotation>"
        ),
        cell("table:number-columns-repeated=\"2\"", "same"),
    );
    let document = converted("a.ods", &odf("spreadsheet", "", &body));
    assert_eq!(
        document.markdown,
        "## First & last\n\n| Share | R&Dé |\n| --- | --- |\n| 25.6% | 5 Jan 24 |\n\n## Two\n\n| same | same | 7 |\n| --- | --- | --- |\n"
    );
    assert_eq!(
        places(&document),
        ["sheet First & last: ## First & last", "sheet Two: ## Two"]
    );
}

#[test]
fn repeated_cells_and_rows_are_bounded() {
    let row = format!(
        "<table:table table:name=\"S\"><table:table-row table:number-rows-repeated=\"1000000000\">{}</table:table-row></table:table>",
        cell("table:number-columns-repeated=\"2\"", "x")
    );
    let document = converted("a.ods", &odf("spreadsheet", "", &row));
    assert_eq!(document.markdown.matches("| x | x |").count(), 1000);
    assert_eq!(document.about.warnings.len(), 1);

    let wide = format!(
        "<table:table table:name=\"S\">{}</table:table>",
        format!(
            "<table:table-row table:number-rows-repeated=\"9999999\">{}</table:table-row>",
            cell("table:number-columns-repeated=\"1000000000\"", "wide")
        )
        .repeat(50)
    );
    assert_eq!(
        code_of("a.ods", &odf("spreadsheet", "", &wide)),
        "output_too_large"
    );

    let text = "<table:table><table:table-row table:number-rows-repeated=\"1000000000\"><table:table-cell \
        table:number-columns-repeated=\"1000000000\"><text:p>x</text:p></table:table-cell></table:table-row></table:table>";
    assert!(!panics("a.odt", &odf("text", "", text)));
}

#[test]
fn elements_may_be_nested_without_end() {
    for (kind, name, open, close) in [
        ("text", "a.odt", "<text:section>", "</text:section>"),
        (
            "text",
            "a.odt",
            "<text:list><text:list-item>",
            "</text:list-item></text:list>",
        ),
        (
            "text",
            "a.odt",
            "<text:p><draw:frame><draw:text-box>",
            "</draw:text-box></draw:frame></text:p>",
        ),
        (
            "text",
            "a.odt",
            "<table:table><table:table-row><table:table-cell>",
            "</table:table-cell></table:table-row></table:table>",
        ),
        (
            "presentation",
            "a.odp",
            "<draw:page><draw:g>",
            "</draw:g></draw:page>",
        ),
        (
            "spreadsheet",
            "a.ods",
            "<table:table table:name=\"a\">",
            "</table:table>",
        ),
    ] {
        let body = format!(
            "{}<text:p>deep</text:p>{}",
            open.repeat(10_000),
            close.repeat(10_000)
        );
        assert!(!panics(name, &odf(kind, "", &body)), "{open}");
    }
}

#[test]
fn encrypted_and_broken_files_say_so() {
    let encrypted = package(&[
        ("mimetype", "application/vnd.oasis.opendocument.text"),
        ("content.xml", "rubbish"),
        (
            "META-INF/manifest.xml",
            "<m:file-entry><manifest:encryption-data/></m:file-entry>",
        ),
    ]);
    assert_eq!(code_of("a.odt", &encrypted), "password_protected");
    let empty = package(&[("mimetype", "application/vnd.oasis.opendocument.text")]);
    assert_eq!(code_of("a.odt", &empty), "corrupt");
    let sheet = package(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", "<d><table:table table:name=\"a\">"),
    ]);
    assert_eq!(code_of("a.ods", &sheet), "corrupt");
    let broken = package(&[
        ("mimetype", "application/vnd.oasis.opendocument.text"),
        ("content.xml", "<a><b>"),
    ]);
    assert_eq!(code_of("a.odt", &broken), "corrupt");
}

#[test]
fn a_bomb_ends_at_the_allowance() {
    let bomb = odf("text", "", &format!("<text:p>{}</text:p>", "a".repeat(1 << 20)));
    let options = Options {
        max_unpacked_bytes: 1 << 16,
        ..Options::default()
    };
    let error = convert_with("a.odt", &bomb, &options).unwrap_err();
    assert_eq!(error.code(), "too_large_unpacked");
}

#[test]
fn a_flat_file_is_the_same() {
    let content = odf_xml("document", STYLES, &format!("<office:text>{TEXT}</office:text>"));
    let typed = "<office:document office:mimetype=\"application/vnd.oasis.opendocument.text\"";
    let content = content.replacen("<office:document", typed, 1);
    let flat = converted("a.fodt", content.as_bytes());
    assert_eq!(
        flat.markdown,
        converted("a.odt", &odf("text", STYLES, TEXT)).markdown
    );
}

#[test]
fn damaged_copies_are_read_or_refused() {
    assert_eq!(damaged("a.odt", &odf("text", STYLES, TEXT)), 0);
    assert_eq!(damaged("a.odp", &odf("presentation", "", SLIDES)), 0);
}
