use super::*;

const PLAIN: Style = Style {
    bold: false,
    italic: false,
    strike: false,
    code: false,
};
const BOLD: Style = Style { bold: true, ..PLAIN };

fn markdown(runs: &[(&str, Style, Option<&str>)]) -> String {
    let mut paragraph = Runs::default();
    for (text, style, link) in runs {
        paragraph.push(text, *style, link.map(Rc::from).as_ref());
    }
    paragraph.markdown()
}

#[test]
fn markers_stand_at_the_words() {
    let italic = Style {
        italic: true,
        ..PLAIN
    };
    assert_eq!(
        markdown(&[("a", PLAIN, None), (" bold ", BOLD, None), ("b", italic, None)]),
        "a **bold** *b*"
    );
    assert_eq!(
        markdown(&[("one", BOLD, None), (" two", BOLD, None)]),
        "**one two**"
    );
    assert_eq!(markdown(&[("one\ntwo", BOLD, None)]), "**one**\n**two**");
    assert_eq!(
        markdown(&[(" - ", BOLD, None), ("x", Style { code: true, ..PLAIN }, None)]),
        "\\- `x`"
    );
    assert_eq!(
        markdown(&[(
            "x",
            Style {
                bold: true,
                italic: true,
                strike: true,
                code: false
            },
            None
        )]),
        "~~***x***~~"
    );
}

#[test]
fn links_hold_their_runs() {
    let link = Some("https://example.com/a b(c)");
    assert_eq!(
        markdown(&[
            ("see ", PLAIN, None),
            ("the ", PLAIN, link),
            ("page ", BOLD, link),
            ("now", PLAIN, None)
        ]),
        "see [the **page**](https://example.com/a%20b%28c%29) now"
    );
    assert_eq!(
        markdown(&[("https://x.org", PLAIN, Some("https://x.org"))]),
        "<https://x.org>"
    );
    assert_eq!(markdown(&[("Chapter 1", PLAIN, Some("#ch1"))]), "Chapter 1");
}

#[test]
fn text_is_no_markup() {
    for (text, expected) in [
        ("2 * 3 = a*b", "2 * 3 = a\\*b"),
        (
            "snake_case _x_ [1] <b> a < b",
            "snake_case \\_x\\_ [1] \\<b> a < b",
        ),
        ("# no heading", "\\# no heading"),
        ("#tag", "#tag"),
        ("1. no list", "1\\. no list"),
        ("2024. A year", "2024\\. A year"),
        ("- no list", "\\- no list"),
        ("-5 degrees", "-5 degrees"),
        ("> no quotation", "\\> no quotation"),
        ("C:\\dir", "C:\\dir"),
    ] {
        assert_eq!(markdown(&[(text, PLAIN, None)]), expected);
    }
}
