use super::*;
use crate::{DocumentKind, Part, Place};

fn about(parts: &[usize]) -> About {
    let part = |start: &usize| Part {
        start: *start,
        place: Place::page(1),
        unread: None,
    };
    About {
        kind: DocumentKind::Text,
        mime: "text/plain; charset=utf-8".to_owned(),
        title: None,
        converter: "text".to_owned(),
        warnings: Vec::new(),
        parts: parts.iter().map(part).collect(),
    }
}

fn accepted(outcome: Shape, body: &[u8]) -> Result<Outcome, WireError> {
    let answered = Answered {
        file_type: None,
        outcome,
        retire: false,
    };
    accept(answered, body.to_vec()).map(|(answer, _)| answer.outcome)
}

#[test]
fn a_document_is_checked_before_it_is_believed() {
    let text = "aä b".as_bytes();
    assert!(accepted(Shape::Document(about(&[0, 1, 5])), text).is_ok());
    for parts in [&[2][..], &[6], &[3, 1]] {
        let refused = accepted(Shape::Document(about(parts)), text);
        assert_eq!(
            refused,
            Err(WireError::Nonsense("its parts are not within the text"))
        );
    }
    let refused = accepted(Shape::Document(about(&[])), b"\xff");
    assert_eq!(refused, Err(WireError::Nonsense("its text is not UTF-8")));
    let mut long = about(&[]);
    long.converter = "x".repeat(101);
    let refused = accepted(Shape::Document(long), text);
    assert_eq!(refused, Err(WireError::Nonsense("its names are not names")));
    assert!(accepted(Shape::Image, b"GIF89a").is_err());
}

#[test]
fn an_error_of_a_child_is_a_code_and_a_printable_line() {
    let error = ConvertError::failed("corrupt", "line\u{1b}[2J\nline");
    let Ok(Outcome::Error(error)) = accepted(Shape::Error(error), b"") else {
        panic!("the error was not accepted");
    };
    assert_eq!(error.to_string(), "line [2J line");
    for code in ["", "Not a code", &"a".repeat(101)] {
        assert!(accepted(Shape::Error(ConvertError::blocked(code, "no")), b"").is_err());
    }
}

#[tokio::test]
async fn lengths_are_not_believed() {
    let mut announced = 2_u32.to_le_bytes().to_vec();
    announced.extend((1_u64 << 40).to_le_bytes());
    announced.extend(b"{}");
    let too_large = read::<serde_json::Value>(&mut announced.as_slice(), 1 << 30).await;
    assert_eq!(too_large, Err(WireError::TooLarge));
    let cut = read::<serde_json::Value>(&mut announced.as_slice(), 1 << 50).await;
    assert_eq!(cut, Err(WireError::Gone));
    let mut header = u32::MAX.to_le_bytes().to_vec();
    header.extend([0; 8]);
    let refused = read::<serde_json::Value>(&mut header.as_slice(), 1).await;
    assert_eq!(refused, Err(WireError::Nonsense("its header is too long")));
}
