//! What the model answers, and what is text in it.

use serde::Deserialize;

use super::request::NO_TEXT;
use crate::remote::{RemoteError, Service, codes};

/// What an image says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its text; empty when there is none in the image.
    pub markdown: String,
    /// Tokens that the provider charged, image and answer together; 0 when it does not say.
    pub tokens: u64,
    /// What is missing from the text, for people: the answer was cut off.
    pub warning: Option<String>,
}

/// A chat completion, as far as it is needed. Types of our own, as some servers leave out what others insist on.
#[derive(Debug, Deserialize)]
pub(super) struct Completion {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl Completion {
    /// The text of the first choice.
    pub(super) fn reading(self, service: &Service, max_tokens: u32) -> Result<Reading, RemoteError> {
        let tokens = self.usage.map_or(0, |usage| {
            usage
                .total_tokens
                .max(usage.prompt_tokens.saturating_add(usage.completion_tokens))
        });
        let Some(choice) = self.choices.into_iter().next() else {
            return Err(RemoteError::failed(
                codes::BAD_REPLY,
                format!("{service} sent an answer without a choice"),
            ));
        };
        let reason = choice.finish_reason.as_deref().unwrap_or_default();
        let is_unwilling = choice
            .message
            .refusal
            .is_some_and(|refusal| !refusal.trim().is_empty());
        if is_unwilling || reason == "content_filter" {
            return Err(unwilling(service));
        }
        let is_cut = reason == "length";
        let markdown = unwrapped(&choice.message.content.unwrap_or_default(), is_cut);
        if is_cut && markdown.is_empty() {
            return Err(RemoteError::refused(
                codes::VISION_REFUSED,
                format!(
                    "{service} used up its {max_tokens} tokens without an answer: raise VISION_MAX_TOKENS"
                ),
            ));
        }
        let warning = is_cut.then(|| {
            format!("the text of an image was cut off after {max_tokens} tokens: raise VISION_MAX_TOKENS")
        });
        Ok(Reading {
            markdown,
            tokens,
            warning,
        })
    }
}

/// The model will not read this image.
pub(super) fn unwilling(service: &Service) -> RemoteError {
    RemoteError::refused(
        codes::VISION_REFUSED,
        format!("{service} refuses to read the image, by its rules on content"),
    )
}

/// The Markdown without what models put around it against their orders: a fence around everything, and our word for nothing.
fn unwrapped(answer: &str, is_cut: bool) -> String {
    let text = answer.replace("\r\n", "\n");
    let text = text.trim();
    let text = inside_fence(text, is_cut).unwrap_or(text);
    if text == NO_TEXT {
        return String::new();
    }
    text.to_owned()
}

/// What is inside a fence around the whole text, when the fence is of Markdown or of nothing in particular, and not one of
/// several. An answer that was cut off has lost its end.
fn inside_fence(text: &str, is_cut: bool) -> Option<&str> {
    let (first, rest) = text.split_once('\n')?;
    let marker: &str = &first[..first.len() - first.trim_start_matches('`').len()];
    let language = first[marker.len()..].trim();
    if marker.len() < 3 || !matches!(language, "" | "markdown" | "md") {
        return None;
    }
    let inner = match rest
        .strip_suffix(marker)
        .filter(|inner| inner.is_empty() || inner.ends_with('\n'))
    {
        Some(inner) => inner,
        None if is_cut => rest,
        None => return None,
    };
    let mut fences = inner
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(marker));
    let is_whole = if language.is_empty() {
        // Fences within come in pairs, the first of which names a language; else the first one closes ours.
        fences.all({
            let mut is_open = false;
            move |fence| {
                is_open = !is_open;
                !is_open || fence.len() > marker.len()
            }
        })
    } else {
        fences.count() % 2 == 0
    };
    (is_whole || is_cut).then(|| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_by_table() {
        let cases = [
            ("# A\n\ntext\n", "# A\n\ntext"),
            ("```markdown\n# A\r\ntext\n```\n", "# A\ntext"),
            ("```\n# A\n```", "# A"),
            ("````md\n```rust\nfn a() {}\n```\n````", "```rust\nfn a() {}\n```"),
            (
                "```markdown\n```rust\nfn a() {}\n```\nend\n```",
                "```rust\nfn a() {}\n```\nend",
            ),
            ("```rust\nfn a() {}\n```", "```rust\nfn a() {}\n```"),
            ("```\na\n```\ntext\n```\nb\n```", "```\na\n```\ntext\n```\nb\n```"),
            ("text ```", "text ```"),
            ("```", "```"),
            ("(no text)", ""),
            ("```markdown\n(no text)\n```", ""),
            ("", ""),
        ];
        for (answer, expected) in cases {
            assert_eq!(unwrapped(answer, false), expected, "{answer:?}");
        }
        assert_eq!(unwrapped("```markdown\n| a | b", true), "| a | b");
    }

    proptest::proptest! {
        #[test]
        fn unwrapping_only_takes_away(answer in "(```(markdown|rust)?|\n|[ -~é]{0,9}){0,9}", is_cut: bool) {
            proptest::prop_assert!(answer.contains(&unwrapped(&answer, is_cut)));
        }
    }
}
