//! What a seed decides before its run begins. Each kind of fault is off in many runs and frequent in some: faults that
//! are always all there hide each other.

use super::dice::Dice;

/// How often requests to a dependency go wrong, as probabilities.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Refused without effect.
    pub(super) refused: f64,
    /// Done, and the answer is lost.
    pub(super) unanswered: f64,
    /// Takes seconds.
    pub(super) slow: f64,
    /// The caller gives up, and the request arrives afterwards.
    pub(super) late: f64,
    /// Arrives once more, afterwards.
    pub(super) twice: f64,
}

impl Faults {
    fn draw(dice: &Dice, most: f64) -> Self {
        let one = |most: f64| {
            if dice.chance(0.5) {
                0.0
            } else {
                dice.share() * most
            }
        };
        Self {
            refused: one(most),
            unanswered: one(most),
            slow: one(most / 2.0),
            late: one(most / 2.0),
            twice: one(most),
        }
    }
}

/// What the broker does wrong, as probabilities.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrokerFaults {
    /// A confirmed wake-up vanishes.
    pub(super) lose: f64,
    /// A wake-up comes twice.
    pub(super) repeat: f64,
    /// A wake-up overtakes others.
    pub(super) reorder: f64,
    /// A publish is answered by an error, whether it got through or not.
    pub(super) unconfirmed: f64,
    /// An acknowledgement does not arrive, because its connection is about to break.
    pub(super) unacked: f64,
    /// Deliveries after which a message is discarded.
    pub(super) delivery_limit: u32,
    /// Milliseconds between broken connections; 0 for none.
    pub(super) disconnect_every: u64,
    /// Milliseconds between purges; 0 for none.
    pub(super) purge_every: u64,
}

/// The shape of a run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) workers: u64,
    pub(super) planes: u64,
    pub(super) slots: usize,
    pub(super) files: u64,
    pub(super) changes: u64,
    /// Longest time between two changes, in milliseconds.
    pub(super) gap: u64,
    /// How slow everything is: what a request takes at least is multiplied by it.
    pub(super) pace: u64,
    pub(super) ledger: Faults,
    pub(super) vectors: Faults,
    pub(super) blobs: Faults,
    pub(super) embedder: Faults,
    pub(super) searching: Faults,
    pub(super) broker: BrokerFaults,
    /// Polls that a process does at most before something befalls it; 0 for nothing ever.
    pub(super) doom: u64,
    /// Share of the dooms that are a freeze; the others kill.
    pub(super) freezes: f64,
    /// Probability that a process is stopped in an orderly way before its doom.
    pub(super) restarts: f64,
    /// Events that never reach the control plane.
    pub(super) lost_events: f64,
    /// Workers' clocks are wrong by up to so many milliseconds.
    pub(super) skew: u64,
    /// Removals wait for approval.
    pub(super) guarded: bool,
    /// Tombstones and history are pruned soon.
    pub(super) pruned: bool,
    /// Somebody terminates, suspends and resumes files.
    pub(super) meddled: bool,
}

impl Plan {
    pub(super) fn draw(dice: &Dice) -> Self {
        let sometimes = |likely: f64, most: f64| {
            if dice.chance(likely) {
                dice.share() * most
            } else {
                0.0
            }
        };
        let now_and_then = |most: u64| {
            if dice.chance(0.4) {
                dice.between(most / 4..=most)
            } else {
                0
            }
        };
        Self {
            workers: dice.between(1..=3),
            planes: dice.between(1..=2),
            slots: dice.place(3) + 1,
            files: dice.between(2..=5),
            changes: dice.between(20..=50),
            gap: [300, 1_500, 4_000][dice.place(3)],
            pace: [1, 1, 10, 100][dice.place(4)],
            ledger: Faults::draw(dice, 0.2),
            vectors: Faults::draw(dice, 0.3),
            blobs: Faults {
                late: 0.0,
                twice: 0.0,
                ..Faults::draw(dice, 0.2)
            },
            embedder: Faults {
                late: 0.0,
                twice: 0.0,
                ..Faults::draw(dice, 0.2)
            },
            searching: Faults {
                late: 0.0,
                twice: 0.0,
                ..Faults::draw(dice, 0.1)
            },
            broker: BrokerFaults {
                lose: sometimes(0.5, 0.5),
                repeat: sometimes(0.5, 0.5),
                reorder: sometimes(0.5, 0.8),
                unconfirmed: sometimes(0.5, 0.4),
                unacked: sometimes(0.3, 0.3),
                delivery_limit: [1, 3, 20][dice.place(3)],
                disconnect_every: now_and_then(40_000),
                purge_every: now_and_then(60_000),
            },
            doom: if dice.chance(0.75) {
                [150, 600, 2000][dice.place(3)]
            } else {
                0
            },
            freezes: if dice.chance(0.6) { dice.share() } else { 0.0 },
            restarts: sometimes(0.3, 0.5),
            lost_events: sometimes(0.5, 0.5),
            skew: [0, 0, 500, 30_000, 600_000][dice.place(5)],
            guarded: dice.chance(0.2),
            pruned: dice.chance(0.2),
            meddled: dice.chance(0.3),
        }
    }
}
