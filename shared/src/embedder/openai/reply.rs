//! The reply to an embeddings request, in either encoding, and what makes it a good one.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A reply, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    data: Vec<Item>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Item {
    /// Some servers leave it out, and answer in order.
    index: Option<usize>,
    embedding: Vector,
}

#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    total_tokens: u64,
}

impl Reply {
    /// Tokens that are charged; 0 when the server does not say.
    pub(super) fn tokens(&self) -> u64 {
        self.usage
            .as_ref()
            .map_or(0, |usage| usage.total_tokens.max(usage.prompt_tokens))
    }

    /// The vectors in the order of the texts, or what is wrong with them.
    pub(super) fn into_vectors(
        self,
        texts: usize,
        dimensions: Option<usize>,
    ) -> Result<Vec<Vec<f32>>, String> {
        if self.data.len() != texts {
            return Err(format!("{} vectors for {texts} texts", self.data.len()));
        }
        let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); texts];
        let expected = dimensions.or_else(|| self.data.first().map(|item| item.embedding.0.len()));
        for (position, item) in self.data.into_iter().enumerate() {
            let Vector(vector) = item.embedding;
            if vector.is_empty() || Some(vector.len()) != expected {
                return Err(format!(
                    "a vector of {} numbers, not {}",
                    vector.len(),
                    expected.unwrap_or(0)
                ));
            }
            if !vector.iter().all(|number| number.is_finite()) {
                return Err("a vector that holds something else than numbers".to_owned());
            }
            let index = item.index.unwrap_or(position);
            match vectors.get_mut(index) {
                Some(place) if place.is_empty() => *place = vector,
                Some(_) => return Err(format!("two vectors for text {index}")),
                None => return Err(format!("a vector for text {index} of {texts}")),
            }
        }
        Ok(vectors)
    }
}

/// Where a reply stops making sense. The parser's own message may quote the reply.
pub(super) fn place(error: &serde_json::Error) -> String {
    format!(
        "{:?} error at line {} column {}",
        error.classify(),
        error.line(),
        error.column()
    )
    .to_lowercase()
}

/// Numbers, from a list or from the base64 of little-endian 32-bit floats.
#[derive(Debug)]
struct Vector(Vec<f32>);

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Vector;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an embedding")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Vector, E> {
                let bytes = STANDARD.decode(text).map_err(|_| E::custom("not base64"))?;
                let (numbers, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err(E::custom("not a whole number of floats"));
                }
                Ok(Vector(numbers.iter().copied().map(f32::from_le_bytes).collect()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vector, A::Error> {
                let mut numbers = Vec::with_capacity(list.size_hint().unwrap_or(1_024));
                // A server that computed NaN can only write it as null.
                while let Some(number) = list.next_element::<Option<f32>>()? {
                    numbers.push(number.unwrap_or(f32::NAN));
                }
                Ok(Vector(numbers))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(json: &str, texts: usize) -> Result<Vec<Vec<f32>>, String> {
        serde_json::from_str::<Reply>(json)
            .map_err(|error| place(&error))?
            .into_vectors(texts, Some(2))
    }

    #[test]
    fn either_encoding_in_the_order_of_the_texts() {
        let encoded = STANDARD.encode([1.5_f32, -2.0].map(f32::to_le_bytes).concat());
        let json = format!(
            r#"{{"data":[{{"index":1,"embedding":[0.5,1]}},{{"index":0,"embedding":"{encoded}"}}]}}"#
        );
        assert_eq!(vectors(&json, 2), Ok(vec![vec![1.5, -2.0], vec![0.5, 1.0]]));
    }

    #[test]
    fn servers_may_leave_out_what_is_not_needed() {
        let json = r#"{"data":[{"embedding":[1,2]},{"embedding":[3,4]}],"usage":{"prompt_tokens":7}}"#;
        assert_eq!(vectors(json, 2), Ok(vec![vec![1.0, 2.0], vec![3.0, 4.0]]));
        assert_eq!(serde_json::from_str::<Reply>(json).unwrap().tokens(), 7);
    }

    #[test]
    fn bad_replies_by_table() {
        let cases = [
            (r#"{"data":[]}"#, "0 vectors for 1 texts"),
            (
                r#"{"data":[{"index":1,"embedding":[1,2]}]}"#,
                "a vector for text 1 of 1",
            ),
            (
                r#"{"data":[{"index":0,"embedding":[1]}]}"#,
                "a vector of 1 numbers, not 2",
            ),
            (
                r#"{"data":[{"index":0,"embedding":[]}]}"#,
                "a vector of 0 numbers, not 2",
            ),
            (
                r#"{"data":[{"index":0,"embedding":[1,null]}]}"#,
                "a vector that holds something else than numbers",
            ),
            (
                r#"{"data":[{"index":0,"embedding":[1,1e300]}]}"#,
                "a vector that holds something else than numbers",
            ),
            (
                r#"{"data":[{"index":0,"embedding":"AAA"}]}"#,
                "data error at line 1",
            ),
            (
                r#"{"data":[{"index":0,"embedding":[1,"x"]}]}"#,
                "data error at line 1",
            ),
            (r#"{"data":[{"index":0,"embedding":[1,"#, "eof error at line 1"),
            (r#"{"error":"secret"}"#, "data error at line 1"),
            ("<html>", "syntax error at line 1"),
        ];
        for (json, problem) in cases {
            let found = vectors(json, 1).unwrap_err();
            assert!(found.starts_with(problem), "{json}: {found}");
        }
        let twice = r#"{"data":[{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}"#;
        assert_eq!(vectors(twice, 2), Err("two vectors for text 0".to_owned()));
    }
}
