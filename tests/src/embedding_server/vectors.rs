//! Vectors that cost next to nothing to write.
//!
//! A vector of `d` numbers is made of `±1/√d`, one bit of the text's hash for each sign: its length is 1, and the angle between
//! the vectors of different texts is close to 90°. As there are only two numbers, both encodings are put together from
//! prepared pieces: eight printed floats for each byte of signs, sixteen base64 characters for each three signs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Writes vectors of one length.
#[derive(Debug)]
pub struct Writer {
    dimensions: usize,
    /// The magnitude of every number.
    unit: f32,
    /// Eight printed floats with trailing commas, for each byte of signs.
    printed: Vec<String>,
    /// Three floats in base64, for each three signs.
    encoded: Vec<String>,
}

/// The number that a text's vector follows from.
pub fn seed(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// An endless supply of signs ([SplitMix64](https://prng.di.unimi.it/splitmix64.c)).
struct Signs {
    state: u64,
    bits: u128,
    left: u32,
}

impl Signs {
    fn of(text: &str) -> Self {
        Self {
            state: seed(text),
            bits: 0,
            left: 0,
        }
    }

    /// The next `count` signs, at most 8; the first is the lowest bit.
    fn take(&mut self, count: u32) -> usize {
        if self.left < count {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            self.bits |= u128::from(mixed ^ (mixed >> 31)) << self.left;
            self.left += 64;
        }
        let taken = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.left -= count;
        taken as usize
    }
}

impl Writer {
    /// A writer of vectors of so many numbers.
    pub fn new(dimensions: usize) -> Self {
        let unit = (1.0 / (dimensions.max(1) as f64).sqrt()) as f32;
        let number = |signs: usize, bit: usize| if signs >> bit & 1 == 1 { -unit } else { unit };
        let printed = (0..256).map(|signs| (0..8).map(|bit| format!("{},", number(signs, bit))).collect());
        let encoded = (0..8).map(|signs| encode(&[0, 1, 2].map(|bit| number(signs, bit))));
        Self {
            dimensions,
            unit,
            printed: printed.collect(),
            encoded: encoded.collect(),
        }
    }

    /// Numbers in a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector of a text. It does not depend on the encoding that it is sent in.
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let mut signs = Signs::of(text);
        (0..self.dimensions).map(|_| self.number(&mut signs)).collect()
    }

    /// Appends the vector as a JSON list, without its last `short` numbers.
    pub(super) fn print(&self, text: &str, short: usize, out: &mut Vec<u8>) {
        let mut signs = Signs::of(text);
        let wanted = self.dimensions.saturating_sub(short);
        out.push(b'[');
        for _ in 0..wanted / 8 {
            out.extend_from_slice(self.printed[signs.take(8)].as_bytes());
        }
        for _ in 0..wanted % 8 {
            out.extend_from_slice(format!("{},", self.number(&mut signs)).as_bytes());
        }
        if out.last() == Some(&b',') {
            out.pop();
        }
        out.push(b']');
    }

    /// Appends the vector in base64, without its last `short` numbers.
    pub(super) fn encode(&self, text: &str, short: usize, out: &mut Vec<u8>) {
        let mut signs = Signs::of(text);
        let wanted = self.dimensions.saturating_sub(short);
        out.push(b'"');
        for _ in 0..wanted / 3 {
            out.extend_from_slice(self.encoded[signs.take(3)].as_bytes());
        }
        let rest: Vec<f32> = (0..wanted % 3).map(|_| self.number(&mut signs)).collect();
        out.extend_from_slice(encode(&rest).as_bytes());
        out.push(b'"');
    }

    fn number(&self, signs: &mut Signs) -> f32 {
        if signs.take(1) == 1 { -self.unit } else { self.unit }
    }
}

fn encode(numbers: &[f32]) -> String {
    STANDARD.encode(
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_carry_the_same_unit_vector() {
        for dimensions in [1, 7, 8, 63, 64, 65, 384, 1_024] {
            let writer = Writer::new(dimensions);
            let vector = writer.vector("text");
            assert!((vector.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-4);

            let mut printed = Vec::new();
            writer.print("text", 0, &mut printed);
            assert_eq!(serde_json::from_slice::<Vec<f32>>(&printed).unwrap(), vector);

            let mut encoded = Vec::new();
            writer.encode("text", 0, &mut encoded);
            assert_eq!(
                String::from_utf8(encoded).unwrap(),
                format!("\"{}\"", encode(&vector))
            );
        }
    }

    #[test]
    fn different_texts_are_far_apart() {
        let writer = Writer::new(384);
        let cosine = |a: &str, b: &str| -> f32 {
            writer
                .vector(a)
                .iter()
                .zip(writer.vector(b))
                .map(|(a, b)| a * b)
                .sum()
        };
        assert!((cosine("one", "one") - 1.0).abs() < 1e-4);
        assert!((0..200).all(|n| cosine("one", &format!("other {n}")).abs() < 0.3));
    }
}
