//! What a service says about a refusal, as far as it can be shown.

use serde_json::Value;

use crate::secret::Secret;

/// Longest quote, in characters.
const MAX_QUOTE: usize = 200;
/// Start of a text that must not be quoted back, in characters.
const TELLING: usize = 16;

/// An error text in one of the usual shapes.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// All of it in lower case, to look for words. Never shown.
    whole: String,
    /// What is meant for people.
    message: String,
    /// The name of the field that is wrong.
    param: String,
}

impl Said {
    /// Reads `{"error": {"message", "param", "innererror"}}` (OpenAI, Azure, vLLM), `{"error": "…"}` (Ollama, TEI),
    /// `{"message": "…"}` and `{"detail": …}` (FastAPI, where a list also echoes what was sent). Anything else is kept
    /// to look for words in.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let whole = String::from_utf8_lossy(body).to_lowercase();
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            return Self {
                whole,
                ..Self::default()
            };
        };
        let error = json.get("error").unwrap_or(&json);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let inner = error.get("innererror").and_then(|inner| inner.get("message"));
        let message = [inner, Some(error), error.get("message"), error.get("detail")]
            .into_iter()
            .map(text)
            .find(|text| !text.is_empty());
        Self {
            whole,
            message: message.unwrap_or_default(),
            param: text(error.get("param")),
        }
    }

    /// Whether any of these lower-case words occurs.
    #[must_use]
    pub fn mentions(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.whole.contains(word))
    }

    /// Whether one of these fields is named as the wrong one.
    #[must_use]
    pub fn is_about(&self, params: &[&str]) -> bool {
        params.contains(&self.param.as_str())
    }

    /// Whether this lower-case word occurs in what is meant for people.
    #[must_use]
    pub fn message_mentions(&self, word: &str) -> bool {
        self.message.to_lowercase().contains(word)
    }

    /// The message, as an addition to ours: one line, not long, without the key, and nothing at all when it quotes what
    /// was sent.
    #[must_use]
    pub fn quote(&self, key: Option<&Secret>, sent: &[String]) -> String {
        let mut line = self.message.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            line = line.replace(key.expose(), "***");
        }
        if line.is_empty() || sent.iter().any(|text| quotes(&line, text)) {
            return String::new();
        }
        match line.char_indices().nth(MAX_QUOTE) {
            Some((end, _)) => format!(": {}…", &line[..end]),
            None => format!(": {line}"),
        }
    }
}

/// Whether a line holds the start of a text. Short texts are common words, which a message may use on its own account.
fn quotes(line: &str, text: &str) -> bool {
    let start = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(TELLING)
        .collect::<String>();
    start.chars().count() == TELLING && line.contains(&start)
}
