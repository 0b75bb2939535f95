//! Text to BM25 term weights, by the tokenizer, stop words and stemmer that Qdrant itself uses, so that vectors made
//! here and vectors made by a Qdrant server agree.
//!
//! Documents carry the term-frequency part of the formula (k1 = 1.2, b = 0.75, average length 256 terms; Robertson and
//! Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009); queries weigh each term 1; the store
//! multiplies the inverse document frequency in.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use qdrant_edge::bm25_embed::{EdgeBm25, EdgeBm25Config};

use crate::vectors::SparseVector;

/// The language whose stop words and stemmer cannot be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a language that full-text search knows; use an English name such as \"english\" or \"german\""
)]
pub struct UnknownLanguage(pub String);

/// Words whose terms are remembered; some ten megabytes. Few texts of one index use more.
const REMEMBERED_WORDS: usize = 100_000;

/// Makes sparse vectors of texts in one language.
pub struct Bm25 {
    language: String,
    model: EdgeBm25,
    /// The terms of words seen before, as they were written. Stemming a word costs ten times as much as looking it up,
    /// and most words of a text have been seen.
    terms: RwLock<HashMap<Box<str>, Terms>>,
}

/// The terms of one word: none for a stop word, one for most.
type Terms = Box<[u32]>;

impl Bm25 {
    /// An encoder with the stop words and stemmer of a language, named in English.
    ///
    /// Texts in other languages are found too, by their exact words.
    ///
    /// # Errors
    /// When there is no such language.
    pub fn new(language: &str) -> Result<Self, UnknownLanguage> {
        let unknown = || UnknownLanguage(language.to_owned());
        let language = language.to_lowercase();
        let model = EdgeBm25::new(config(&language)).map_err(|_| unknown())?;
        Ok(Self {
            language,
            model,
            terms: RwLock::default(),
        })
    }

    /// The language.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Term weights of a text that is to be found. Empty when the text has no words but stop words.
    #[must_use]
    pub fn document(&self, text: &str) -> SparseVector {
        let words: Vec<&str> = words(text).map(|word| &text[word]).collect();
        self.remember(&words);
        let mut found: Vec<u32> = Vec::with_capacity(words.len());
        let known = self.terms.read().unwrap_or_else(PoisonError::into_inner);
        for word in words {
            match known.get(word) {
                Some(terms) => found.extend(terms),
                // Another text has made the memory forget this word since.
                None => found.extend(&self.stem(word)),
            }
        }
        drop(known);
        found.sort_unstable();
        weigh(&found)
    }

    /// Makes sure that the terms of these words are remembered.
    fn remember(&self, words: &[&str]) {
        let new: Vec<&str> = {
            let known = self.terms.read().unwrap_or_else(PoisonError::into_inner);
            words
                .iter()
                .copied()
                .filter(|word| !known.contains_key(*word))
                .collect()
        };
        if new.is_empty() {
            return;
        }
        let stemmed: Vec<_> = new
            .into_iter()
            .map(|word| (Box::from(word), self.stem(word)))
            .collect();
        let mut known = self.terms.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() + stemmed.len() > REMEMBERED_WORDS {
            known.clear();
        }
        known.extend(stemmed);
    }

    fn stem(&self, word: &str) -> Terms {
        self.model.embed_query(word).indices.into()
    }

    /// Term weights of what somebody looks for.
    #[must_use]
    pub fn query(&self, text: &str) -> SparseVector {
        ascending(self.model.embed_query(text))
    }

    /// Byte ranges of the words in `text` that match a word of `query` once both are stemmed, in order and without
    /// overlap, for a snippet to mark.
    #[must_use]
    pub fn matches(&self, text: &str, query: &str) -> Vec<Range<usize>> {
        let wanted = self.query(query).indices;
        if wanted.is_empty() {
            return Vec::new();
        }
        words(text)
            .filter(|word| {
                let terms = self.model.embed_query(&text[word.clone()]).indices;
                terms.iter().any(|term| wanted.binary_search(term).is_ok())
            })
            .collect()
    }
}

impl fmt::Debug for Bm25 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bm25")
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

fn config(language: &str) -> EdgeBm25Config {
    EdgeBm25Config {
        language: Some(language.to_owned()),
        ..EdgeBm25Config::default()
    }
}

/// The term-frequency part of the formula, for all terms of a text in ascending order.
fn weigh(terms: &[u32]) -> SparseVector {
    let EdgeBm25Config { k, b, avg_len, .. } = EdgeBm25Config::default();
    let (k, b, average) = (k.into_inner(), b.into_inner(), avg_len.into_inner());
    #[expect(clippy::cast_precision_loss, reason = "no text has 2^52 terms")]
    let saturation = k * (1.0 - b + b * terms.len() as f64 / average);
    let mut vector = SparseVector::default();
    for same in terms.chunk_by(|one, next| one == next) {
        #[expect(clippy::cast_precision_loss, reason = "no text has 2^52 terms")]
        let count = same.len() as f64;
        vector.indices.push(same[0]);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "weights are stored in single precision"
        )]
        vector
            .values
            .push((count * (k + 1.0) / (count + saturation)) as f32);
    }
    vector
}

/// Runs of letters and digits, which is what the tokenizer takes for a word.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(char::is_alphanumeric)?;
        let end = text[start..]
            .find(|c: char| !c.is_alphanumeric())
            .map_or(text.len(), |length| start + length);
        rest = end;
        Some(start..end)
    })
}

/// Orders a vector's dimensions; of terms whose hashes collide the greater weight stays.
fn ascending(vector: qdrant_edge::SparseVector) -> SparseVector {
    let mut pairs: Vec<_> = vector.indices.into_iter().zip(vector.values).collect();
    pairs.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| y.total_cmp(x)));
    pairs.dedup_by_key(|(index, _)| *index);
    let (indices, values) = pairs.into_iter().unzip();
    SparseVector { indices, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked<'a>(bm25: &Bm25, text: &'a str, query: &str) -> Vec<&'a str> {
        bm25.matches(text, query)
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn forms_of_a_word_share_a_term() {
        let english = Bm25::new("English").unwrap();
        assert_eq!(english.query("ships").indices, english.query("SHIPPED").indices);
        let german = Bm25::new("german").unwrap();
        assert_eq!(german.query("Häusern").indices, german.query("Hauses").indices);
        assert_ne!(english.query("Häusern").indices, english.query("Hauses").indices);
    }

    #[test]
    fn stop_words_have_no_weight() {
        let bm25 = Bm25::new("english").unwrap();
        assert_eq!(bm25.document("the of and"), SparseVector::default());
        assert_eq!(bm25.document(""), SparseVector::default());
    }

    /// The shortcut through remembered words must not change what is stored: the encoder itself is the reference.
    fn assert_as_the_encoder_does(bm25: &Bm25, language: &str, text: &str) {
        let reference = ascending(EdgeBm25::new(config(language)).unwrap().embed_document(text));
        let found = bm25.document(text);
        assert_eq!(found.indices, reference.indices, "{text:?}");
        for (found, reference) in found.values.iter().zip(&reference.values) {
            assert!(
                (found - reference).abs() < 1e-5,
                "{text:?}: {found} is not {reference}"
            );
        }
    }

    #[test]
    fn remembered_words_weigh_as_the_encoder_says() {
        let english = Bm25::new("english").unwrap();
        for text in [
            "The quick brown foxes jumped over the lazy dogs; the DOGS slept.",
            "snake_case, kebab-case, it's, e.g., 3.14, x1, \u{fb01}ne, na\u{ef}ve cafe\u{301}",
            "日本語のテキスト 混ざった text",
            "",
        ] {
            assert_as_the_encoder_does(&english, "english", text);
            assert_as_the_encoder_does(&english, "english", text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_weighs_as_the_encoder_says(text in "(\\PC|[a-e ]|\n){0,80}") {
            assert_as_the_encoder_does(&Bm25::new("english").unwrap(), "english", &text);
        }
    }

    #[test]
    fn indices_ascend_and_queries_weigh_one() {
        let bm25 = Bm25::new("english").unwrap();
        let text = "harbour crane cargo crane harbour vessel tide berth crane";
        let document = bm25.document(text);
        assert_eq!(document.indices.len(), 6);
        assert!(document.indices.is_sorted_by(|a, b| a < b));
        let query = bm25.query(text);
        assert_eq!(query.indices, document.indices);
        assert!(query.values.iter().all(|value| *value == 1.0));
    }

    #[test]
    fn repeated_terms_weigh_more_with_saturation() {
        let bm25 = Bm25::new("english").unwrap();
        let weight = |text: &str| bm25.document(text).values.into_iter().fold(0.0, f32::max);
        let (one, two, three) = (
            weight("crane"),
            weight("crane crane"),
            weight("crane crane crane"),
        );
        assert!(
            one < two && two < three && three - two < two - one,
            "{one} {two} {three}"
        );
    }

    #[test]
    fn matching_words_are_marked_where_they_are() {
        let bm25 = Bm25::new("english").unwrap();
        let text = "Shipping: the ships’ crew — shipped (naïve) in Zürich.";
        assert_eq!(
            marked(&bm25, text, "ship the naïve zürich"),
            ["Shipping", "ships", "shipped", "naïve", "Zürich"]
        );
        assert_eq!(marked(&bm25, text, "the in"), [""; 0]);
        assert_eq!(marked(&bm25, "", "ship"), [""; 0]);
    }

    #[test]
    fn an_unknown_language_is_refused() {
        assert_eq!(
            Bm25::new("Klingon").unwrap_err(),
            UnknownLanguage("Klingon".to_owned())
        );
    }
}
