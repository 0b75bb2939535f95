use proptest::prelude::*;

use crate::formats::fixtures::{converted, damaged, panics};

const RICH: &str = r#"{\rtf1\ansi\ansicpg1252\uc1\deff0
{\fonttbl{\f0\froman\fcharset0 Times;}{\f1\fnil\fcharset204 Arial Cyr;}{\f2\fnil\fcharset128 MS Mincho;}{\f3\fnil\fcharset2 Symbol;}}
{\colortbl;\red255\green0\blue0;}
{\stylesheet{\s0 Normal;}{\s1\outlinelevel0\b heading 1;}{\s2\b heading 2;}}
{\info{\title A rich title}{\author Nobody}}
{\header not this}{\*\generator Riched20;}
\pard\s1\b First heading\par
\pard\plain\s2 Second {\b heading}\par
\pard\plain Caf\'e9, {\b bold}, {\i italic} and {\strike gone}. \u8364?5 \u-10179?\u-8704?\par
{\f1\'cf\'f0\'e8\'e2\'e5\'f2} {\f2\'83\'65\'83\'58\'83\'67}\par
See {\field{\*\fldinst HYPERLINK "https://example.com/x"}{\fldrslt the {\ul page}}}.\line Next line{\v hidden}\par
Noted{\super\chftn}{\footnote\pard\plain{\super\chftn} The {\i note}.}.\par
{\listtext 1.\tab}\pard\ls1\li720 one\par
{\listtext\f3\'b7\tab}\pard\ls2\ilvl1\li1440 inner\par
{\listtext 2.\tab}\pard\ls1\li720 two\par
\pard After.\par
\trowd\cellx1000\cellx2000\pard\intbl Name\cell Value\cell\row
\trowd\cellx1000\cellx2000\pard\intbl a|b\cell first\par second\cell\row
\pard\plain {\pict\wmetafile8 0102030405} {\shp{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt In a box\par}}}The end.\par
}"#;

#[test]
fn everything_that_a_reader_sees() {
    let document = converted("a.rtf", RICH.as_bytes());
    assert_eq!(document.about.title.as_deref(), Some("A rich title"));
    assert_eq!(document.about.mime, "application/rtf");
    insta::assert_snapshot!(document.markdown);
}

#[track_caller]
fn check(body: &str, expected: &str) {
    let document = converted("a.rtf", format!("{{\\rtf1\\ansi {body}}}").as_bytes());
    assert_eq!(document.markdown, expected, "{body}");
}

#[test]
fn characters() {
    check(r"a\~b\-c\_d\emdash e\rquote s\tab t", "a bc-d—e’s t\n");
    check(r"\{x\}\\y", "{x}\\y\n");
    check(r"\uc2\u228\'c3\'a4b", "äb\n");
    check(r"\uc0\u228 b", "äb\n");
    check(r"\ansicpg1251 \'ef", "п\n");
    check(r"{\upr{plain}{\*\ud better}}", "better\n");
    check(r"a{\*\unknown b}c{\bin3 }}}d", "acd\n");
    check("one\r\ntwo\\\nthree", "onetwo\n\nthree\n");
}

#[test]
fn a_file_that_ends_early_is_read_as_far_as_it_goes() {
    let document = converted("a.rtf", br"{\rtf1 {\b one} two {\i three");
    assert_eq!(document.markdown, "**one** two *three*\n");
    assert_eq!(document.about.warnings.len(), 1);
}

#[test]
fn damaged_copies_are_read_or_refused() {
    assert_eq!(damaged("a.rtf", RICH.as_bytes()), 0);
}

#[test]
fn groups_may_be_nested_without_end() {
    for group in ["{", "{\\footnote ", "{\\shptxt ", "{\\field{\\*\\fldinst "] {
        let deep = format!("{{\\rtf1 start {}", group.repeat(100_000));
        assert!(!panics("a.rtf", deep.as_bytes()), "{group}");
    }
}

proptest! {
    #[test]
    fn any_words_are_read(words in prop::collection::vec(
        prop::sample::select(vec![
            "{", "}", "\\par ", "\\cell ", "\\row ", "\\trowd ", "\\intbl ", "\\footnote ", "\\shptxt ", "\\u228?", "\\u-10179 ",
            "\\'e9", "\\'8", "\\bin5 ", "\\bin-1 ", "\\*", "\\field", "\\fldinst ", "\\listtext ", "\\li720 ", "\\stylesheet ",
            "\\s1 ", "\\outlinelevel0 ", "text ", "\\b ", "\\pard ", "\\f1 ", "\\fonttbl ", "\\fcharset128 ", "\\", "é", "\\uc9999999999 ",
        ]),
        0..60,
    )) {
        let text = format!("{{\\rtf1 {}", words.concat());
        prop_assert!(!panics("a.rtf", text.as_bytes()));
    }
}
