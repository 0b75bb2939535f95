use super::*;

fn tokens(html: &str) -> Vec<String> {
    Tokens::new(html)
        .map(|(token, range)| {
            assert!(html.get(range).is_some());
            match token {
                Token::Text(text) => text.to_owned(),
                Token::Open { name, attributes } => format!("<{name}|{attributes}>"),
                Token::Close { name } => format!("</{name}>"),
                Token::Raw { name, content } => format!("[{name}|{content}]"),
            }
        })
        .collect()
}

#[test]
fn tags_and_text() {
    for (html, expected) in [
        ("a<b>c</b>", &["a", "<b|>", "c", "</b>"][..]),
        ("1 < 2 <3 </ x>", &["1 < 2 <3 </ x>"]),
        ("<a href='>' b=\">\" c>x", &["<a| href='>' b=\">\" c>", "x"]),
        ("<p it's>x", &["<p| it's>", "x"]),
        ("<br/>x", &["<br|/>", "x"]),
        ("a<!-- <p> -->b<!-->c<!--->d", &["a", "b", "c", "d"]),
        ("<!DOCTYPE html><?xml x?>a<![CDATA[<p>]]>b", &["a", "b"]),
        (
            "<script>a<b></SCRIPT >c",
            &["<script|>", "[script|a<b>]", "</SCRIPT>", "c"],
        ),
        ("<title>a<p>b", &["<title|>", "[title|a]", "<p|>", "b"]),
        ("<style>a", &["<style|>", "[style|a]"]),
        ("<script/>a", &["<script|/>", "a"]),
        ("a<b", &["a", "<b|>"]),
        ("a<!-- b", &["a"]),
        (
            "<title>a<title>b",
            &["<title|>", "[title|a]", "<title|>", "[title|b]"],
        ),
        ("é<ü>ß</é>", &["é<ü>ß</é>"]),
    ] {
        assert_eq!(tokens(html), expected, "{html}");
    }
}

#[test]
fn attributes() {
    let value =
        |attributes: &str, wanted| attribute(attributes, wanted).map(|range| attributes[range].to_owned());
    let attributes = " a=1 B = 'two words' c d=\"\" e='x/y' f=/z/ class=last";
    for (name, expected) in [
        ("a", Some("1")),
        ("b", Some("two words")),
        ("c", Some("")),
        ("d", Some("")),
        ("e", Some("x/y")),
        ("f", Some("/z/")),
        ("class", Some("last")),
        ("g", None),
    ] {
        assert_eq!(value(attributes, name).as_deref(), expected, "{name}");
    }
    assert_eq!(value(" title=\"open", "title").as_deref(), Some("open"));
    assert_eq!(value(" é=ü title=ß", "title").as_deref(), Some("ß"));
    assert_eq!(value(" =a =", "title"), None);
}
