//! Puts small neighbours together, so that an edit moves few boundaries.
//!
//! Filling each pack to the brim would be simpler, but then one added line moves every later boundary, and every later
//! chunk is embedded again. Instead, a full pack ends at the *least key* in its second half. Keys are hashes of what
//! follows the boundary, so the same text is likely to be cut at the same places wherever packing started: two packings
//! that differ at first agree again after a pack or two. Packs are three quarters full on average.

use std::ops::Range;

/// Groups the items `0..count` into packs of at most `capacity`, in order.
///
/// `size` measures neighbouring items together; `key` says how good it is to cut *before* an item, the least being the
/// best. An item larger than half the capacity is a pack of its own, even if it is over the capacity: such items keep
/// edits before them from reaching the items after them.
pub(super) fn pack<K: PartialOrd>(
    count: usize,
    capacity: usize,
    size: impl Fn(Range<usize>) -> usize,
    key: impl Fn(usize) -> K,
) -> Vec<Range<usize>> {
    let large: Vec<bool> = (0..count)
        .map(|item| size(item..item + 1) > capacity / 2)
        .collect();
    let mut packs = Vec::new();
    let mut start = 0;
    while start < count {
        let end = end_of_pack(start, &large, capacity, &size, &key);
        packs.push(start..end);
        start = end;
    }
    packs
}

fn end_of_pack<K: PartialOrd>(
    start: usize,
    large: &[bool],
    capacity: usize,
    size: &impl Fn(Range<usize>) -> usize,
    key: &impl Fn(usize) -> K,
) -> usize {
    if large[start] {
        return start + 1;
    }
    let mut best: Option<(K, usize)> = None;
    let mut filled = size(start..start + 1);
    for (end, &large) in large.iter().enumerate().skip(start + 1) {
        if large {
            return end;
        }
        if filled >= capacity / 2 {
            let candidate = key(end);
            if best.as_ref().is_none_or(|(least, _)| candidate <= *least) {
                best = Some((candidate, end));
            }
        }
        filled = size(start..end + 1);
        if filled > capacity {
            return best.map_or(end, |(_, end)| end);
        }
    }
    large.len()
}

/// A hash of the beginning of a text: the key of a cut before it. FNV-1a: part of the algorithm, so it never changes.
pub(super) fn content_key(text: &[u8]) -> u64 {
    text.iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take(32)
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(sizes: &[usize], keys: &[usize]) -> Vec<Range<usize>> {
        pack(
            sizes.len(),
            10,
            |items| sizes[items].iter().sum(),
            |item| keys[item],
        )
    }

    #[test]
    fn packs_end_at_the_least_key_of_their_second_half() {
        let keys = [9, 0, 5, 3, 4, 8, 7, 6, 9];
        assert_eq!(packed(&[2; 9], &keys), [0..3, 3..7, 7..9]);
        assert_eq!(packed(&[2; 5], &keys), vec![0..5], "all fit");
        assert_eq!(
            packed(&[2, 2, 6, 2, 2], &keys),
            [0..2, 2..3, 3..5],
            "a large item is alone"
        );
        assert_eq!(packed(&[20, 1], &keys), [0..1, 1..2], "even over the capacity");
        assert!(packed(&[], &keys).is_empty());
    }

    #[test]
    fn packings_that_differ_agree_again() {
        let key = |item: usize| content_key(format!("item {item}").as_bytes());
        let cuts = |from: usize| -> Vec<usize> {
            pack(400 - from, 40, |items| items.len() * 3, |item| key(from + item))
                .iter()
                .map(|pack| from + pack.end)
                .collect()
        };
        for from in 1..20 {
            assert!(cuts(from).ends_with(&cuts(0)[20..]), "from {from}");
        }
    }
}
