//! What the test may do, and how often.

use proptest::prelude::*;
use proptest::sample::Index;

use super::PATHS;

/// One call, or one step of the clock.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Enqueue {
        file: usize,
        fast: bool,
        debounce: u64,
        hold: bool,
        run: Option<u8>,
        batch: bool,
        again: bool,
        gone: bool,
    },
    Rename {
        from: usize,
        to: usize,
        run: Option<u8>,
    },
    Wake {
        window: u32,
        confirm: usize,
    },
    Claim {
        file: usize,
        worker: u8,
        lease: u64,
    },
    ClaimAgain {
        which: Index,
    },
    Renew {
        worker: u8,
    },
    Commit {
        hold: Pick,
        change: u8,
        etag: u8,
    },
    Release {
        hold: Pick,
        debounce: u64,
    },
    Fail {
        hold: Pick,
        class: u8,
        delay: u64,
        max_attempts: u32,
        etag: Option<u8>,
    },
    Sweep {
        stale_after: u64,
        max_attempts: u32,
        limit: u32,
    },
    Retry {
        file: Option<usize>,
        run: Option<u8>,
    },
    Decide {
        approve: bool,
        /// As many as whoever decides was shown.
        most: u8,
    },
    Pause {
        paused: bool,
    },
    Page {
        file: usize,
        last: bool,
    },
    Cancel {
        run: u8,
        limit: u8,
    },
    CloseBatch,
    WakePending,
    Terminate {
        file: usize,
        etag: Option<u8>,
    },
    SuspendFile {
        file: usize,
        resume: bool,
    },
    SuspendRun {
        run: u8,
        resume: bool,
    },
    SetAside,
    LetGo {
        limit: u32,
    },
    Rewind {
        run: u8,
        limit: u32,
    },
    Purge {
        file: usize,
    },
    ForgetDead {
        which: Index,
    },
    Prune {
        keep: u32,
    },
    Advance {
        millis: u64,
    },
}

/// Which of the holds that were ever given out a call is made with: mostly the newest, sometimes any (a worker that does
/// not know that it is dead), sometimes with a fence number that was never given out.
#[derive(Clone, Debug)]
pub(super) struct Pick {
    pub(super) newest: bool,
    pub(super) any: Index,
    pub(super) forged: bool,
}

fn pick() -> impl Strategy<Value = Pick> {
    (
        prop::bool::weighted(0.75),
        any::<Index>(),
        prop::bool::weighted(0.06),
    )
        .prop_map(|(newest, any, forged)| Pick { newest, any, forged })
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let file = || 0..PATHS.len();
    let run = || prop::option::weighted(0.3, 0_u8..2);
    let wait = || prop_oneof![3 => Just(0_u64), 1 => Just(40), 1 => Just(700)];
    prop_oneof![
        6 => (file(), any::<bool>(), wait(), prop::bool::weighted(0.15), run(), any::<bool>(), prop::bool::weighted(0.3),
            prop::bool::weighted(0.3))
            .prop_map(|(file, fast, debounce, hold, run, batch, again, gone)| {
                Op::Enqueue { file, fast, debounce, hold, run, batch, again, gone }
            }),
        2 => (file(), file(), run()).prop_map(|(from, to, run)| Op::Rename { from, to, run }),
        2 => (0_u32..4, 0_usize..4).prop_map(|(window, confirm)| Op::Wake { window, confirm }),
        10 => (file(), 0_u8..3, prop_oneof![Just(60_u64), Just(500)])
            .prop_map(|(file, worker, lease)| Op::Claim { file, worker, lease }),
        1 => any::<Index>().prop_map(|which| Op::ClaimAgain { which }),
        1 => (0_u8..3).prop_map(|worker| Op::Renew { worker }),
        8 => (pick(), 0_u8..6, 0_u8..3).prop_map(|(hold, change, etag)| Op::Commit { hold, change, etag }),
        5 => (pick(), wait()).prop_map(|(hold, debounce)| Op::Release { hold, debounce }),
        4 => (pick(), 0_u8..4, prop_oneof![3 => wait(), 1 => Just(3_600_000)], 1_u32..4, prop::option::of(0_u8..3)).prop_map(
            |(hold, class, delay, max_attempts, etag)| Op::Fail { hold, class, delay, max_attempts, etag }),
        2 => (prop_oneof![Just(30_u64), Just(10_000)], 1_u32..4, prop_oneof![1 => Just(1_u32), 3 => Just(10)])
            .prop_map(|(stale_after, max_attempts, limit)| Op::Sweep { stale_after, max_attempts, limit }),
        2 => (prop::option::of(file()), run()).prop_map(|(file, run)| Op::Retry { file, run }),
        2 => (any::<bool>(), 0_u8..4).prop_map(|(approve, most)| Op::Decide { approve, most }),
        1 => prop::bool::weighted(0.2).prop_map(|paused| Op::Pause { paused }),
        3 => (file(), prop::bool::weighted(0.3)).prop_map(|(file, last)| Op::Page { file, last }),
        1 => (0_u8..2, 0_u8..2).prop_map(|(run, limit)| Op::Cancel { run, limit }),
        1 => Just(Op::CloseBatch),
        1 => Just(Op::WakePending),
        2 => (file(), prop::option::of(0_u8..3)).prop_map(|(file, etag)| Op::Terminate { file, etag }),
        2 => (file(), any::<bool>()).prop_map(|(file, resume)| Op::SuspendFile { file, resume }),
        1 => (0_u8..2, any::<bool>()).prop_map(|(run, resume)| Op::SuspendRun { run, resume }),
        2 => Just(Op::SetAside),
        1 => (1_u32..3).prop_map(|limit| Op::LetGo { limit }),
        1 => (0_u8..2, 1_u32..3).prop_map(|(run, limit)| Op::Rewind { run, limit }),
        1 => file().prop_map(|file| Op::Purge { file }),
        1 => any::<Index>().prop_map(|which| Op::ForgetDead { which }),
        1 => (0_u32..4).prop_map(|keep| Op::Prune { keep }),
        4 => prop_oneof![Just(1_u64), Just(50), Just(1000)].prop_map(|millis| Op::Advance { millis }),
    ]
}
