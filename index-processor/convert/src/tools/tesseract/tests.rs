use super::*;

fn seen(letters: usize, sure: f32) -> Seen {
    Seen {
        letters,
        worth: letters as f32 * sure,
        ..Seen::default()
    }
}

#[test]
fn another_layout_is_taken_when_it_sees_much_more_of_a_table() {
    for (one_block, automatic, expected) in [
        (seen(90, 95.0), seen(60, 96.0), true),
        (seen(62, 95.0), seen(60, 96.0), false),
        // More letters, but of the wrong words: columns of text that are read across.
        (seen(90, 55.0), seen(70, 96.0), false),
        // The grain of a photograph.
        (seen(8, 60.0), seen(0, 0.0), false),
        (seen(2000, 95.0), seen(1500, 95.0), false),
    ] {
        assert_eq!(
            is_fuller(&one_block, &automatic),
            expected,
            "{one_block:?} {automatic:?}"
        );
    }
}

#[test]
fn large_pages_are_drawn_coarser() {
    assert_eq!(resolution(842.0), 300);
    assert_eq!(resolution(72.0), 300);
    assert_eq!(resolution(7200.0), 50);
    assert_eq!(resolution(14_400_000.0), 1);
    assert_eq!(resolution(0.0), 300);
}

#[test]
fn a_page_of_unsure_letters_is_not_read() {
    let code = |letters, unsure| {
        let (part, _) = part(
            1,
            Ok(Seen {
                letters,
                unsure,
                ..Seen::default()
            }),
        );
        part.unread.map(|unread| unread.code)
    };
    assert_eq!(code(500, 499), None);
    assert_eq!(code(0, 100), None);
    assert_eq!(code(300, 301).as_deref(), Some("ocr_unsure"));
}
