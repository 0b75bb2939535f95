use super::*;

const HEAD: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
                    1\t1\t0\t0\t0\t0\t0\t0\t2550\t3300\t-1\t\n";

/// Words: paragraph, line, left edge, how sure, text. Ten pixels high, ten for each letter.
fn table(words: &[(u32, u32, u32, f32, &str)]) -> Vec<Seen> {
    let mut table = HEAD.to_owned();
    for (paragraph, line, left, sure, text) in words {
        let width = text.len() * 10;
        table.push_str(&format!(
            "5\t1\t1\t{paragraph}\t{line}\t1\t{left}\t0\t{width}\t10\t{sure}\t{text}\n"
        ));
    }
    pages(&table)
}

#[test]
fn words_become_lines_and_paragraphs() {
    let seen = table(&[
        (1, 1, 0, 96.0, "Dear"),
        (1, 1, 50, 95.0, "Sirs,"),
        (2, 1, 0, 96.0, "the"),
        (2, 1, 40, 96.0, "ship-"),
        (2, 2, 0, 96.0, "ment"),
        (2, 2, 50, 96.0, "came."),
    ]);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].text, "Dear Sirs,\n\nthe shipment came.");
    assert_eq!(seen[0].letters, "DearSirstheshipmentcame".len());
}

#[test]
fn wide_gaps_are_between_cells() {
    let seen = table(&[
        (1, 1, 0, 90.0, "Name"),
        (1, 1, 200, 90.0, "Cost"),
        (1, 2, 0, 90.0, "Tin"),
        (1, 2, 40, 90.0, "ore"),
        (1, 2, 200, 90.0, "4|0"),
    ]);
    assert_eq!(
        seen[0].text,
        "| Name | Cost |\n| --- | --- |\n| Tin ore | 4\\|0 |"
    );
}

#[test]
fn what_is_not_sure_is_left_out_and_counted() {
    let seen = table(&[
        (1, 1, 0, 20.0, "wlrfx"),
        (2, 1, 0, 95.0, "Invoice"),
        (2, 1, 90, 10.0, "~"),
        (3, 1, 0, 99.0, "---"),
    ]);
    assert_eq!((&*seen[0].text, seen[0].unsure), ("Invoice", 5));
}

#[test]
fn pages_without_words_are_pages() {
    let seen = pages(&format!("{HEAD}1\t2\t0\t0\t0\t0\t0\t0\t100\t100\t-1\t\n"));
    assert_eq!(seen.iter().map(|seen| seen.page).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(pages(""), []);
    assert_eq!(
        pages("5\t1\tx\n\n1\t\n5\t9\t1\t1\t1\t1\t0\t0\t1\t1\t90\tlost"),
        []
    );
}
