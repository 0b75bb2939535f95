use super::*;
use crate::{Options, convert};

fn title(markdown: &str) -> Option<String> {
    convert(
        &Input {
            name: "a.md",
            bytes: markdown.as_bytes(),
            content_type: None,
        },
        &Options::default(),
    )
    .unwrap()
    .about
    .title
}

#[test]
fn titles() {
    for (markdown, expected) in [
        (
            "---\nauthor: x\ntitle: \"Front: matter\"\n---\n# Heading",
            Some("Front: matter"),
        ),
        ("+++\ntitle = 'TOML'\n+++\n# Heading", Some("TOML")),
        ("---\ntitle: |\n  block\n---\n# Heading", Some("Heading")),
        ("---\nno end\n# Heading", Some("Heading")),
        ("text\n## Second level ##\n# First", Some("Second level")),
        ("```\n# comment\n```\n# Heading", Some("Heading")),
        ("~~~\n```\n# no\n~~~\n# Heading", Some("Heading")),
        ("Under\n=====\n", Some("Under")),
        ("Under\n---\n", Some("Under")),
        ("- item\n---\n", None),
        ("text\n\n---\n", None),
        ("#hashtag\n", None),
        ("#\n", None),
        ("    # code\n", None),
        ("text", None),
    ] {
        assert_eq!(title(markdown).as_deref(), expected, "{markdown:?}");
    }
}

#[test]
fn the_text_stays_as_it_is() {
    let markdown = "---\ntitle: x\n---\n\n\n*  odd   spacing\n";
    let document = convert(
        &Input {
            name: "a.md",
            bytes: markdown.as_bytes(),
            content_type: None,
        },
        &Options::default(),
    )
    .unwrap();
    assert_eq!(document.markdown, markdown);
}
