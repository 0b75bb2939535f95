//! The ledger's statements, written once, in the dialect that PostgreSQL and SQLite share: `INSERT … ON CONFLICT DO
//! UPDATE`, `UPDATE … RETURNING`, CASE, `IS DISTINCT FROM`.
//!
//! Conventions, so that both databases run the same text:
//! - Parameters are `$1`, `$2`, … and are BIGINT or TEXT; where the context does not say which, they are cast.
//! - Time is `now_ms()`: a function over `clock_timestamp()` on PostgreSQL, over a [`Clock`](crate::clock::Clock) on
//!   SQLite. Never the caller's clock.
//! - In an UPDATE, every right-hand side sees the row as it was before.
//! - A statement of the protocol is one conditional UPDATE. Its WHERE clause is the whole decision and is evaluated under
//!   the row's lock; PostgreSQL evaluates it again after waiting for another transaction.
//! - A batch locks its rows in the order of their ids; what settles locks the file, then those that waited for it; the
//!   counts of runs come last, in the order of their keys. The few pairs of calls that can still stand in each other's way are told apart by PostgreSQL, which
//!   rolls one of them back, and that one is repeated.

mod approvals;
mod audit;
mod breakers;
mod catalog;
mod control;
mod index_settings;
mod instances;
mod keys;
mod logging;
mod protocol;
mod queries;
mod runs;
mod upkeep;
mod usage;

use std::fmt::Write as _;
use std::sync::OnceLock;

pub(super) use approvals::*;
pub(super) use audit::*;
pub(super) use breakers::*;
pub(super) use catalog::*;
pub(super) use control::*;
pub(super) use index_settings::*;
pub(super) use instances::*;
pub(super) use keys::*;
pub(super) use logging::*;
pub(super) use protocol::*;
pub(super) use queries::*;
pub(super) use runs::*;
pub(super) use upkeep::*;
pub(super) use usage::*;

/// Slots of a `{list}`. Shorter lists repeat their last value.
pub(super) const LIST: usize = 50;

/// The columns of a claim, as [`super::calls`] reads them.
macro_rules! claim_columns {
    () => {
        "path, claim_id, fence, claimed_seq, attempts, failure_count, dirty, live_claim, prev_claim, etag, content_hash, \
         pipeline, size, chunks, missing, renamed_from, enqueued_at, run_id, \
         CASE WHEN again_seq > applied_seq THEN 1 ELSE 0 END, \
         (SELECT revision FROM indexes WHERE indexes.index_id = files.index_id), last_error, \
         CASE WHEN failed_seq > applied_seq THEN seen_etag END, state, entries"
    };
}
use claim_columns;

/// A statement.
pub(super) struct Sql {
    text: &'static str,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Sql {
    /// A statement in the common dialect. `{list}` stands for [`LIST`] parameters from `$2`.
    const fn new(text: &'static str) -> Self {
        Self {
            text,
            sqlite: OnceLock::new(),
            postgres: OnceLock::new(),
        }
    }

    /// The statement with its lists written out.
    fn common(&self) -> String {
        let mut list = String::new();
        for slot in 0..LIST {
            let comma = if slot == 0 { "" } else { ", " };
            write!(list, "{comma}${}", slot + 2).ok();
        }
        self.text.replace("{list}", &list)
    }

    /// The statement as SQLite wants it: `$1` would be a name there, `?1` is a position.
    pub(super) fn sqlite(&self) -> &str {
        self.sqlite.get_or_init(|| self.common().replace('$', "?"))
    }

    /// The statement as PostgreSQL wants it.
    pub(super) fn postgres(&self) -> &str {
        self.postgres.get_or_init(|| self.common())
    }
}

/// Smallest and largest text that a path starting with `prefix` can be, by bytes: paths have at most 4,096 bytes.
pub(super) fn range_of_prefix(prefix: &str) -> (String, String) {
    const LAST: &str = "\u{10FFFF}";
    let longest = crate::blob_path::MAX_PATH_BYTES / LAST.len() + 1;
    (prefix.to_owned(), format!("{prefix}{}", LAST.repeat(longest)))
}

/// The statements that must stay cheap with a million rows, by name.
pub(super) fn hot() -> Vec<(&'static str, &'static Sql)> {
    macro_rules! named {
        ($($name:ident),+ $(,)?) => { vec![$((stringify!($name), &$name)),+] };
    }
    named![
        ENQUEUE,
        MARK_WOKEN,
        CLAIM,
        HELD,
        RENEW,
        COMMIT,
        COMMITTED,
        RELEASE,
        FAIL,
        SWEEP,
        LET_GO,
        RETRY,
        DECIDE,
        WOKEN,
        DUE,
        NEXT_DUE,
        LIVE_CLAIMS,
        CLAIMS_IN_USE,
        FILE,
        FILES,
        PARTIAL_FILES,
        PARTIAL,
        KNOWN_FILES,
        HISTORY,
        COUNTS,
        SIZES,
        OLDEST,
        RETRY_FILE,
        WAKE_PENDING,
        TAKE_RUN,
        OPEN_RUNS,
        RUNS,
        RUN_SUMS,
        GIVE_BACK,
        CLOSE_BATCH,
        COMPLETE_RUN,
        DEAD_CLAIMS,
        PAGE_END,
        PRUNE_HISTORY,
        PRUNE_TOMBSTONES,
        FORGET_HISTORY,
        OPERATIONS,
        BACKLOG,
        LIVE_FILES,
        SPOIL,
        TERMINATE,
        SUSPEND,
        RESUME,
        SET_ASIDE,
        RESUMED_RUNS,
        LET_RUN_GO,
        REWIND_RUN,
        SUSPENDED_FILES,
        SUSPENDED_PENDING,
        HISTORY_BEFORE,
        PURGE_HISTORY,
        FIND_KEY,
        AUDIT,
        FORGET_AUDIT,
    ]
}
