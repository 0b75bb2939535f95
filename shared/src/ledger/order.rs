//! Whose turn it is: the order of wake-ups across indexes; pure.

use super::DueFile;

/// Merges what is due per index into one order: urgent lanes first, and within a lane the indexes take turns, so that a
/// backfill of one index does not delay another. Each list is sorted by lane and urgency already.
pub(super) fn take_turns(indexes: Vec<Vec<DueFile>>) -> Vec<DueFile> {
    let mut placed = Vec::new();
    for (index, files) in indexes.into_iter().enumerate() {
        let mut turn = 0;
        let mut lane = None;
        for file in files {
            turn = if lane == Some(file.lane) { turn + 1 } else { 0 };
            lane = Some(file.lane);
            placed.push(((file.lane, turn, index), file));
        }
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, file)| file).collect()
}
