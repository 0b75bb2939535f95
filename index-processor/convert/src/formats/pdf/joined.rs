//! Sentences that were cut: lines far apart look like paragraphs of their own.

/// Joins paragraphs where the first one stops in the middle of a sentence and the second one goes on.
pub(super) fn join(blocks: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match joined.last_mut() {
            Some(before) if goes_on(before, &block) => {
                before.truncate(before.trim_end().len());
                before.push(' ');
                before.push_str(&block);
            }
            _ => joined.push(block),
        }
    }
    joined
}

fn goes_on(before: &str, block: &str) -> bool {
    let stops = before
        .trim_end()
        .ends_with(|last: char| last.is_alphanumeric() || last == ',');
    let starts = block.starts_with(char::is_lowercase);
    // A single word may be a label, and what is short is a line of a drawing or of a form.
    let is_long = |text: &str| text.trim().len() >= 40;
    stops && starts && is_prose(before) && is_long(before)
}

/// No heading, list item, table, quotation or code.
fn is_prose(block: &str) -> bool {
    !block
        .trim_start()
        .starts_with(['#', '-', '|', '>', '`', '~', '<'])
        && !starts_numbered(block)
}

fn starts_numbered(block: &str) -> bool {
    let rest = block
        .trim_start()
        .trim_start_matches(|first: char| first.is_ascii_digit());
    rest.len() < block.trim_start().len() && rest.starts_with(['.', ')'])
}

#[cfg(test)]
mod tests {
    use super::join;

    fn joined(blocks: &[&str]) -> Vec<String> {
        join(blocks.iter().map(|block| format!("{block}\n\n")).collect())
    }

    #[test]
    fn a_sentence_that_goes_on_is_one_paragraph() {
        assert_eq!(
            joined(&[
                "This evolution meant that sharp breaks in the",
                "financial system were an accident waiting",
                "to happen."
            ]),
            [
                "This evolution meant that sharp breaks in the financial system were an accident waiting to happen.\n\n"
            ]
        );
    }

    #[test]
    fn everything_else_stays_apart() {
        for blocks in [
            [
                "This evolution meant that it had come to an end.",
                "financial systems",
            ],
            [
                "This evolution meant that sharp breaks in the",
                "Financial system",
            ],
            [
                "# This evolution meant that sharp breaks in the",
                "financial system",
            ],
            [
                "- This evolution meant that sharp breaks in the",
                "financial system",
            ],
            [
                "12. This evolution meant that sharp breaks in the",
                "financial system",
            ],
            [
                "| This evolution meant that sharp breaks | in the",
                "financial system",
            ],
            ["Name of the clerk", "of the harbour"],
        ] {
            assert_eq!(joined(&blocks).len(), 2, "{blocks:?}");
        }
    }
}
