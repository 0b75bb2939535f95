//! Numbers as tags: a number has a tag for each of its hexadecimal prefixes, and a range is the fewest prefixes that
//! cover it (Schindler and Diepenbroek, "Generic XML-based framework for metadata portals", Computers & Geosciences 2008; the
//! way in which Lucene's trie fields did it). So ranges need no index but that of the tags.

/// Digits of a number; greater numbers count as the greatest.
const DIGITS: u32 = 7;
const GREATEST: u64 = (1 << (4 * DIGITS)) - 1;

/// The tags of a number.
pub(super) fn tags(kind: &str, number: u64) -> impl Iterator<Item = String> {
    let number = number.min(GREATEST);
    (0..DIGITS).map(move |cut| tag(kind, cut, number >> (4 * cut)))
}

/// The tags of which every number in the range, both ends included, has one, and no other number has any. At most 30
/// for each digit; none for a range that ends before it begins.
pub(super) fn cover(kind: &str, from: u64, to: u64) -> Vec<String> {
    let (mut from, mut to) = (from.min(GREATEST), to.min(GREATEST));
    let mut tags = Vec::new();
    for cut in 0..DIGITS {
        let is_last = cut + 1 == DIGITS;
        // What does not fill a block of the next level stands for itself.
        while from <= to && (is_last || from % 16 != 0) {
            tags.push(tag(kind, cut, from));
            from += 1;
        }
        while from <= to && to % 16 != 15 {
            tags.push(tag(kind, cut, to));
            // Zero would be the first of a block whose last is not in the range.
            match to.checked_sub(1) {
                Some(before) => to = before,
                None => return tags,
            }
        }
        if from > to {
            return tags;
        }
        (from, to) = (from / 16, to / 16);
    }
    tags
}

/// `cut` says how many digits are cut off.
fn tag(kind: &str, cut: u32, prefix: u64) -> String {
    format!("{kind}/{cut}={prefix:x}")
}

#[cfg(test)]
mod unit {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_range_covers_its_numbers_and_no_others(
            from in prop_oneof![0u64..600, any::<u64>()],
            length in prop_oneof![0u64..600, any::<u64>()],
            number in prop_oneof![0u64..600, any::<u64>()],
        ) {
            let to = from.saturating_add(length);
            let cover: HashSet<_> = cover("n", from, to).into_iter().collect();
            prop_assert!(cover.len() <= 30 * DIGITS as usize);
            for number in [number, from, to, from.saturating_sub(1), to.saturating_add(1)] {
                let covered = tags("n", number).any(|tag| cover.contains(&tag));
                let clamped = number.min(GREATEST);
                prop_assert_eq!(covered, (from.min(GREATEST)..=to.min(GREATEST)).contains(&clamped));
            }
        }
    }

    #[test]
    fn ranges_are_short_lists() {
        assert_eq!(cover("n", 3, 5), ["n/0=3", "n/0=4", "n/0=5"]);
        assert_eq!(cover("n", 16, 31), ["n/1=1"]);
        assert_eq!(cover("n", 5, 4), [""; 0]);
        assert_eq!(cover("n", 0, 0), ["n/0=0"]);
        assert_eq!(cover("n", 0, u64::MAX).len(), 16);
    }
}
