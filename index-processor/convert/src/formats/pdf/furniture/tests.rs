use super::*;

/// Pages of these blocks, from page 1 on.
fn pages(pages: &[&[&str]]) -> Vec<Page> {
    let page = |(number, blocks): (u32, &&[&str])| Page {
        number,
        blocks: blocks.iter().map(|block| format!("{block}\n\n")).collect(),
        ..Page::default()
    };
    (1..).zip(pages).map(page).collect()
}

fn left(mut pages: Vec<Page>) -> Vec<String> {
    remove(&mut pages);
    let text = |page: &Page| {
        page.blocks
            .iter()
            .map(|block| block.trim())
            .collect::<Vec<_>>()
            .join("/")
    };
    pages.iter().map(text).collect()
}

#[test]
fn a_header_stays_once_and_a_page_number_does_not() {
    let pages = pages(&[
        &["Report", "a", "1"],
        &["Report", "b", "2"],
        &["Report", "c", "3"],
    ]);
    assert_eq!(left(pages), ["Report/a", "b", "c"]);
}

#[test]
fn numbers_and_markup_make_no_difference() {
    let pages = pages(&[
        &["**Report**", "a", "Page 8 of 10"],
        &["# Report", "b", "Page 9 of 10"],
        &["*REPORT*", "c", "Page 10 of 10"],
    ]);
    assert_eq!(left(pages), ["**Report**/a", "b", "c"]);
}

#[test]
fn left_and_right_pages_have_their_own() {
    let pages = pages(&[
        &["L", "a"],
        &["R", "b"],
        &["L", "c"],
        &["R", "d"],
        &["L", "e"],
        &["R", "f"],
    ]);
    assert_eq!(left(pages), ["L/a", "R/b", "c", "d", "e", "f"]);
}

#[test]
fn lines_below_each_other_go_from_the_outside() {
    let pages = pages(&[
        &["Report", "Draft", "a", "x", "Draft"],
        &["Report", "Draft", "b", "y", "z"],
        &["Report", "Draft", "c", "y", "w"],
    ]);
    assert_eq!(left(pages), ["Report/Draft/a/x/Draft", "b/y/z", "c/y/w"]);
}

#[test]
fn what_is_below_content_is_content() {
    // "Total" repeats in the third place from the top, but there is something new above it on every page.
    let all = &[
        &["January", "1", "Total", "a", "b", "c", "d"][..],
        &["February", "2", "Total", "e", "f", "g", "h"],
        &["March", "3", "Total", "i", "j", "k", "l"],
    ];
    assert_eq!(left(pages(all)), all.map(|blocks| blocks.join("/")));
}

#[test]
fn a_line_on_two_pages_or_far_apart_is_no_header() {
    let two = &[&["Report", "a"][..], &["Report", "b"], &["c"]];
    assert_eq!(left(pages(two)), ["Report/a", "Report/b", "c"]);
    let mut rare: Vec<Vec<String>> = (0..100)
        .map(|page| vec![format!("{}", "x".repeat(page + 1))])
        .collect();
    for page in [0, 50, 99] {
        rare[page].insert(0, "Summary".to_owned());
    }
    let rare: Vec<Vec<&str>> = rare
        .iter()
        .map(|blocks| blocks.iter().map(String::as_str).collect())
        .collect();
    let rare: Vec<&[&str]> = rare.iter().map(Vec::as_slice).collect();
    assert_eq!(left(pages(&rare))[50], format!("Summary/{}", "x".repeat(51)));
}

#[test]
fn pages_that_say_nothing_else_are_left_alone() {
    let pages = pages(&[&["Slide 1"], &["Slide 2"], &["Slide 3"]]);
    assert_eq!(left(pages), ["Slide 1", "Slide 2", "Slide 3"]);
}

#[test]
fn a_scan_keeps_no_header() {
    let mut pages = pages(&[&["Archive 1"], &["Archive 2"], &["Archive 3"]]);
    for page in &mut pages {
        page.facts.images = 1;
    }
    assert_eq!(left(pages), ["Archive 1", "", ""]);
}

#[test]
fn tables_and_long_paragraphs_are_no_furniture() {
    let long = "word ".repeat(60);
    let all = [
        &["| a | b |", "x", &long][..],
        &["| a | b |", "y", &long],
        &["| a | b |", "z", &long],
    ];
    assert_eq!(
        left(pages(&all)),
        all.map(|blocks| blocks.join("/").trim().to_owned())
    );
}
