use super::*;

fn content(html: &str) -> String {
    Page::read(html).content().into_owned()
}

#[test]
fn noise_is_cut_out() {
    for (html, expected) in [
        ("a<nav>b<nav>c</nav>d</nav>e", "ae"),
        ("a<div class=\"x navheader\">b<div>c</div></div>d", "ad"),
        ("a<div>b<div class=navfooter>c</div>d</div>e", "a<div>bd</div>e"),
        ("a<ul role=navigation>b</ul>c", "ac"),
        ("a<svg><title>t</title></svg>b", "ab"),
        (
            "a<script>b</script>c<style>d</style>",
            "a<script></script>c<style></style>",
        ),
        (
            "<a href=x title='tip'>b</a><abbr title=kept>",
            "<a href=x title=''>b</a><abbr title=kept>",
        ),
        ("a<nav>never closed", "a<nav>never closed"),
        ("a</nav>b", "a</nav>b"),
        ("<nav>a<div class=navheader>b</nav>c</div>d", "d"),
        ("<p class=nav>a</p>", "<p class=nav>a</p>"),
    ] {
        assert_eq!(content(html), expected, "{html}");
    }
}

#[test]
fn the_title_is_the_first_one_outside_drawings() {
    for (html, expected) in [
        ("<title>A &amp;\n B</title><title>C</title>", Some("A & B")),
        ("<title> </title>", None),
        ("<p>x", None),
    ] {
        assert_eq!(Page::read(html).title.as_deref(), expected, "{html}");
    }
}

#[test]
fn depth_counts_what_is_nested_and_not_what_closes_itself() {
    let depth = |html: &str| Page::read(html).depth;
    assert_eq!(depth(&"<p>x<br><img>".repeat(1000)), 0);
    assert_eq!(depth(&"<b>x</b>".repeat(1000)), 1);
    assert_eq!(depth(&"<div>".repeat(1000)), 1000);
    assert_eq!(Page::read(&"<ul><li>x".repeat(50)).indent, 50);
}
