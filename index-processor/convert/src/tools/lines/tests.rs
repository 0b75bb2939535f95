use super::join;

#[test]
fn full_lines_are_one_paragraph() {
    let lines = [
        "The harbour keeps a record of every",
        "ship that enters, with the name of",
        "the master.",
    ];
    assert_eq!(
        join(lines),
        "The harbour keeps a record of every ship that enters, with the name of the master."
    );
}

#[test]
fn short_lines_are_lines() {
    assert_eq!(
        join(["To: Clerks", "Subject: the record of ships that enter", "12 May"]),
        "To: Clerks\nSubject: the record of ships that enter 12 May"
    );
}

#[test]
fn divided_words_are_put_together() {
    assert_eq!(
        join(["a record of the ship-", "ping and of Anglo-", "Saxon masters"]),
        "a record of the shipping and of Anglo- Saxon masters"
    );
    assert_eq!(
        join(["from 3 -", "to 4 -", "and more"]),
        "from 3 - to 4 - and more"
    );
}

#[test]
fn the_start_of_a_line_is_no_markup() {
    assert_eq!(join(["# 17"]), "\\# 17");
    assert_eq!(join([" ", ""]), "");
}
