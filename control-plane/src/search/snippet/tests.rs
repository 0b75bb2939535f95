use super::*;

fn marked(text: &str, matches: &[Range<usize>]) -> String {
    let (mut out, highlights) = snippet(text, matches);
    for range in highlights.iter().rev() {
        out.insert(range.end, ']');
        out.insert(range.start, '[');
    }
    out
}

#[test]
fn snippets_are_one_line_with_the_matches_marked() {
    assert_eq!(
        marked("one\n\n two\tthree", std::slice::from_ref(&(6..9))),
        "one [two] three"
    );
    assert_eq!(
        marked("ein Überfall", std::slice::from_ref(&(4..13))),
        "ein [Überfall]"
    );
    assert_eq!(marked("ab cd", &[0..2, 3..5]), "[ab] [cd]");
    assert_eq!(marked("nothing", &[]), "nothing");
    assert_eq!(marked("", &[]), "");
}

#[test]
fn long_texts_are_cut_around_the_first_match() {
    let text = format!("{} needle {}", "hay ".repeat(200), "stack ".repeat(200));
    let at = text.find("needle").unwrap();
    let (out, highlights) = snippet(&text, std::slice::from_ref(&(at..at + 6)));
    assert_eq!(&out[highlights[0].clone()], "needle");
    assert!(out.starts_with('…') && out.ends_with('…'));
    assert!(out.chars().count() <= SNIPPET_CHARS + 2);
    let unbroken = "x".repeat(2000) + "needle";
    let (out, highlights) = snippet(&unbroken, std::slice::from_ref(&(2000..2006)));
    assert_eq!(&out[highlights[0].clone()], "needle");
}

#[test]
fn marked_up_snippets_bring_no_markup_of_their_own() {
    let text = "a <b> & crane's \"hook\"";
    let (snippet, highlights) = snippet(text, std::slice::from_ref(&(8..13)));
    assert_eq!(
        Highlight::default().mark(&snippet, &highlights),
        "a &lt;b&gt; &amp; <mark>crane</mark>&#39;s &quot;hook&quot;"
    );
    let plain = Highlight {
        pre_tag: "**".to_owned(),
        post_tag: "**".to_owned(),
        escape: Escape::None,
    };
    assert_eq!(plain.mark(&snippet, &highlights), "a <b> & **crane**'s \"hook\"");
    assert_eq!(plain.mark("", &[]), "");
}
