use super::*;
use crate::{Document, Options, convert};

fn run(html: impl AsRef<[u8]>) -> Document {
    convert(
        &Input {
            name: "page.html",
            bytes: html.as_ref(),
            content_type: None,
        },
        &Options::default(),
    )
    .unwrap()
}

#[test]
fn letters_in_two_parts_are_composed() {
    let document = run("<p>cafe\u{301} <b>Z\u{fc}rich</b>");
    assert_eq!(document.markdown.trim(), "caf\u{e9} **Z\u{fc}rich**");
}

#[test]
fn every_element() {
    let document = run(include_str!("every_element.html"));
    assert_eq!(document.about.title.as_deref(), Some("All & sundry"));
    assert_eq!(document.about.warnings, [""; 0]);
    insta::assert_snapshot!(document.markdown, @r#"
    # Heading *one*

    First <paragraph> with **bold**, *italics*, `code()`  
    and a [link](page.html).

    ## Lists

    - one
      * nested
    - two

    3. three
    4. four

    Term

    Its meaning.

    ### Table

    *Sizes*

    | Name | Size \| bytes |
    | --- | --- |
    | a | 1 2 |
    | both | |

    | outer | inner |
    | --- | --- |

    ```rust
    fn main() {
        let x = 1 < 2;
    }
    ```
    > Quoted.

    Name

    Text in a form.

    A picture![Another](x.png)

    Automatic bytes/char € — &unknown;

    ---

    Footer.
    "#);
}

#[test]
fn docbook_pages_lose_their_bars() {
    let document = run(
        "<?xml version='1.0' encoding='UTF-8' standalone='no'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Transitional//EN' 'x'>\
         <html xmlns='http://www.w3.org/1999/xhtml'><head><title>1.1. Part</title><link rel='prev' href='a.html' title='Before' /></head>\
         <body><div class='navheader'><table summary='Navigation header'><tr><th>1.1. Part</th></tr><tr><td><a href='a.html'>Prev</a></td></tr></table><hr /></div>\
         <div class='sect1'><div class='titlepage'><div><div><h2 class='title'>1.1. Part</h2></div></div></div>\
         <p>See <a class='xref' href='b.html' title='1.2. Other'>Section 1.2</a>.</p>\
         <div class='variablelist'><dl><dt><span class='term'><code>-a</code></span></dt><dd><p>All.</p></dd></dl></div></div>\
         <div class='navfooter'><hr /><table><tr><td>Prev</td></tr></table></div></body></html>",
    );
    insta::assert_snapshot!(document.markdown, @r"
    ## 1.1. Part

    See [Section 1.2](b.html).

    `-a`

    All.
    ");
}

#[test]
fn fragments_and_oddities() {
    for (html, expected) in [
        ("<p>a fragment", "a fragment"),
        ("no tags & such", "no tags & such"),
        ("<body><p>a</body>", "a"),
        ("<nav><a href=x>Only navigation</a></nav>", "Only navigation"),
        ("<p>a</p><script>if (a</p>) {</script><p>b</p>", "a\n\nb"),
        ("<p>a<nav><p>b", "a\n\nb"),
    ] {
        assert_eq!(run(html).markdown.trim(), expected, "{html}");
    }
    assert_eq!(run("<h2>Second</h2><p>x").about.title.as_deref(), Some("Second"));
}

#[test]
fn the_charset_is_the_declared_one() {
    for head in [
        "<meta charset=windows-1251>",
        "<META http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
        "<?xml version='1.0' encoding='windows-1251'?>",
    ] {
        let (bytes, ..) = encoding_rs::WINDOWS_1251.encode("<p>да");
        let document = run([head.as_bytes(), &bytes].concat());
        assert_eq!(document.markdown.trim(), "да", "{head}");
        assert_eq!(document.about.warnings, [""; 0], "{head}");
    }
    assert_eq!(declared_charset(b"<meta charset='utf-16'>"), Some(UTF_8));
    assert_eq!(declared_charset(b"<meta name=x><p charset=koi8-r>"), None);
}

/// The crate returns nothing for these; the text must not be lost, nor the stack overflow.
#[test]
fn pages_that_are_nested_too_deep_keep_their_text() {
    for element in [
        "div",
        "b",
        "blockquote",
        "ul><li",
        "pre",
        "table><tr><td",
        "font",
        "dl><dd",
        "section",
    ] {
        for count in [251, 2_000, 100_000] {
            let html = format!(
                "<h1>Title</h1><p>Before</p>{}inside<p>and <i>after</i>",
                format!("<{element}>").repeat(count)
            );
            let document = run(html);
            assert!(
                document.markdown.starts_with("# Title\n\nBefore\n\n"),
                "{element} {count}"
            );
            assert!(document.markdown.contains("inside"), "{element} {count}");
            assert!(document.markdown.ends_with("and after\n"), "{element} {count}");
            assert_eq!(document.about.warnings.len(), 1, "{element} {count}");
        }
    }
}

/// Just below the limits, on the small stack of a test's thread.
#[test]
fn pages_below_the_limits_are_converted() {
    for (element, count) in [
        ("div", MAX_DEPTH),
        ("b", MAX_DEPTH),
        ("table><tr><td", MAX_DEPTH),
        ("ul><li", MAX_INDENT),
        ("blockquote", MAX_INDENT),
    ] {
        let document = run(format!("{}inside", format!("<{element}>").repeat(count)));
        assert!(document.markdown.contains("inside"), "{element}");
        assert_eq!(document.about.warnings, [""; 0], "{element}");
    }
}
