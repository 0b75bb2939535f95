//! The statements that move a file through its life, each with what it decides.

use super::{Sql, claim_columns};

/// **enqueue**: is the file running? Then only `desired_seq` grows and the release will see it. Otherwise the file becomes
/// PENDING (AWAITING_APPROVAL when held) with fresh attempts, and `woken_at = 0` puts its wake-up into the outbox. Of a file that
/// is gone already, as one may be that was being removed when its absence was seen, there is nothing to ask about.
///
/// Also decided here, from the row as it was:
/// - lane: of a pending or running file, the more urgent one stays;
/// - `not_before`: debounced, but a file that has been pending for ten debounces is due at once;
/// - `enqueued_at`: that of the oldest unapplied change stays, unless the file had been given up;
/// - its run: the change's, or else, of a change that belongs to a batch, the index's open batch. `run_joined`: did this request
///   bring the row into its run (1), or is there no batch yet (2)? `run_left`: which run waited for it until now? The caller
///   counts both;
/// - `run_open`: its run waits for it, unless it waits for approval;
/// - `back_to`: what it goes back to when its run is cancelled. Only a request to make it again has that, and any other
///   change ends it;
/// - `suspended`: a file that was suspended itself stays so; one that was set aside because of its run is looked at again, as
///   another run may have asked for it;
/// - `failed_seq`: forgotten when a run asks, because then content that failed is tried again;
/// - `waits_for`: replaced. A rename sets that of the new path to nothing and that of the old path to the new one.
///   So an edge `old → new` is only ever added to a `new` that has no edge of its own, in the same transaction; such
///   an edge cannot close a cycle, and every other statement only removes edges.
///
/// $1 index, $2 file, $3 path, $4 state if not running, $5 lane, $6 debounce, $7 reason, $8 sequencer, $9 renamed from,
/// $10 waits for, $11 run, $12 belongs to a batch (1) or not (0), $13 make it again (1) or not (0),
/// $14 gone (1) or not known (0)
pub(in crate::ledger) static ENQUEUE: Sql = Sql::new(
    "INSERT INTO files (index_id, file_id, path, state, lane, desired_seq, not_before, enqueued_at, updated_at, reason,
        sequencer, renamed_from, waits_for, run_id, run_joined, run_open, again_seq, gone_seq, entries, created_at)
     SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), 1, now_ms() + CAST($6 AS BIGINT), now_ms(), now_ms(), $7,
        $8, $9, $10, run,
        CASE WHEN run IS NOT NULL THEN 1 WHEN CAST($12 AS BIGINT) = 1 THEN 2 ELSE 0 END,
        CASE WHEN run IS NULL THEN 0 WHEN CAST($4 AS TEXT) = 'AWAITING_APPROVAL' THEN 2 ELSE 1 END,
        CAST($13 AS BIGINT), CASE WHEN CAST($14 AS BIGINT) = 1 THEN 1 END, 1, now_ms()
     FROM (SELECT CASE WHEN CAST($12 AS BIGINT) = 1
            THEN COALESCE(CAST($11 AS TEXT), (SELECT batch_run FROM indexes WHERE indexes.index_id = $1))
            ELSE CAST($11 AS TEXT) END AS run) AS of_run
     WHERE 1 = 1
     ON CONFLICT (index_id, file_id) DO UPDATE SET
        state = CASE WHEN files.claim_id IS NOT NULL THEN files.state
            WHEN files.state = 'DELETED' THEN 'PENDING' ELSE excluded.state END,
        desired_seq = files.desired_seq + 1,
        lane = CASE WHEN files.state IN ('PENDING', 'PROCESSING', 'PUBLISHING') AND files.lane < excluded.lane
            THEN files.lane ELSE excluded.lane END,
        woken_at = 0,
        attempts = CASE WHEN files.claim_id IS NOT NULL THEN files.attempts ELSE 0 END,
        not_before = CASE
            WHEN files.state = 'PENDING' AND files.desired_seq > files.applied_seq
                AND files.enqueued_at + 10 * CAST($6 AS BIGINT) <= now_ms() THEN now_ms()
            ELSE excluded.not_before END,
        enqueued_at = CASE WHEN files.desired_seq > files.applied_seq AND files.state <> 'FAILED'
            THEN files.enqueued_at ELSE excluded.enqueued_at END,
        newer_at = CASE WHEN files.claim_id IS NOT NULL THEN COALESCE(files.newer_at, excluded.enqueued_at) END,
        reason = excluded.reason,
        sequencer = COALESCE(excluded.sequencer, files.sequencer),
        renamed_from = COALESCE(excluded.renamed_from, files.renamed_from),
        waits_for = excluded.waits_for,
        kept = 0,
        suspended = CASE WHEN files.suspended = 'file' THEN files.suspended END,
        suspended_at = CASE WHEN files.suspended = 'file' THEN files.suspended_at END,
        run_joined = CASE
            WHEN excluded.run_id IS NULL THEN excluded.run_joined
            WHEN files.run_open = 1 AND excluded.run_id = files.run_id THEN 0
            ELSE 1 END,
        run_left = CASE WHEN files.run_open = 1 AND excluded.run_id <> files.run_id THEN files.run_id END,
        run_open = CASE
            WHEN excluded.run_id IS NULL AND files.run_open <> 1 THEN 0
            WHEN files.claim_id IS NULL AND files.state <> 'DELETED' AND excluded.state = 'AWAITING_APPROVAL' THEN 2
            ELSE 1 END,
        run_id = COALESCE(excluded.run_id, files.run_id),
        back_to = CASE WHEN CAST($13 AS BIGINT) = 1 AND files.claim_id IS NULL THEN CASE
            WHEN files.state IN ('INDEXED', 'SKIPPED', 'DELETED', 'FAILED') THEN files.state
            WHEN files.state = 'PENDING' THEN files.back_to END END,
        again_seq = CASE WHEN CAST($13 AS BIGINT) = 1 THEN files.desired_seq + 1 ELSE files.again_seq END,
        gone_seq = CASE WHEN CAST($14 AS BIGINT) = 1 THEN files.desired_seq + 1 END,
        failed_seq = CASE WHEN excluded.reason <> 'run' THEN files.failed_seq END,
        entries = files.entries + 1,
        updated_at = excluded.updated_at
     RETURNING desired_seq, state, run_joined, run_left, run_open, run_id, entries",
);

/// **mark_woken**: is it still the change that the wake-up told of, and still due? A file that was claimed and given up
/// meanwhile waits for its next attempt and must not count as woken.
///
/// $1 index, $2 file, $3 seq
pub(in crate::ledger) static MARK_WOKEN: Sql = Sql::new(
    "UPDATE files SET woken_at = now_ms()
     WHERE index_id = $1 AND file_id = $2 AND desired_seq = $3 AND state = 'PENDING' AND waits_for IS NULL
        AND suspended IS NULL AND not_before <= now_ms()",
);

/// **claim**: may the caller have the file? PENDING and due, not waiting for another, not suspended, with something to do, in
/// an ACTIVE index, and no suspended run waits for it. A dirty file goes straight to PUBLISHING: its version is committed, only old points are left to remove, and
/// that happens before anything newer, so no `prev_claim` is ever overwritten.
///
/// A claim id is good for one hold: a late duplicate of the request must not take the file again under an id that two
/// attempts would then share. The latest claim is in the row itself, under its lock; earlier ones are in the history.
///
/// $1 index, $2 file, $3 claim, $4 owner, $5 lease
pub(in crate::ledger) static CLAIM: Sql = Sql::new(concat!(
    "UPDATE files SET
        state = CASE WHEN dirty = 1 THEN 'PUBLISHING' ELSE 'PROCESSING' END,
        claim_id = $3,
        owner = $4,
        fence = fence + 1,
        claimed_seq = desired_seq,
        attempts = attempts + 1,
        lease_until = now_ms() + CAST($5 AS BIGINT),
        started_at = now_ms(),
        newer_at = NULL,
        entries = entries + 1,
        updated_at = now_ms()
     WHERE index_id = $1 AND file_id = $2 AND state = 'PENDING' AND not_before <= now_ms() AND waits_for IS NULL
        AND suspended IS NULL
        AND (desired_seq > applied_seq OR dirty = 1)
        AND last_claim IS DISTINCT FROM $3
        AND NOT EXISTS (SELECT 1 FROM history
            WHERE history.index_id = files.index_id AND history.file_id = files.file_id AND history.claim_id = $3)
        AND EXISTS (SELECT 1 FROM indexes WHERE indexes.index_id = files.index_id AND indexes.state = 'ACTIVE')
        AND NOT EXISTS (SELECT 1 FROM runs
            WHERE runs.run_id = files.run_id AND files.run_open = 1
                AND runs.suspended_at IS NOT NULL AND runs.completed_at IS NULL)
     RETURNING ",
    claim_columns!()
));

/// After a claim that took nothing: does the caller hold it already?
///
/// $1 index, $2 file, $3 claim
pub(in crate::ledger) static HELD: Sql = Sql::new(concat!(
    "SELECT ",
    claim_columns!(),
    " FROM files WHERE index_id = $1 AND file_id = $2 AND claim_id = $3"
));

/// **renew**: which of the owner's leases have not run out? A lease that ran out stays so, because the sweep may be at it.
///
/// $1 owner, $2 lease
pub(in crate::ledger) static RENEW: Sql = Sql::new(
    "UPDATE files SET lease_until = now_ms() + CAST($2 AS BIGINT)
     WHERE owner = $1 AND claim_id IS NOT NULL AND lease_until >= now_ms()
     RETURNING claim_id",
);

/// **commit**: is it still the caller's claim? The linearization point. PROCESSING implies that no `prev_claim` is left
/// from before (see CLAIM), so the one that was live takes its place.
///
/// $1 index, $2 file, $3 claim, $4 fence, $5 outcome, $6 keep (1) or not (0), $7 etag, $8 content hash, $9 pipeline,
/// $10 size, $11 chunks, $12 reason for SKIPPED, $13 missing parts
pub(in crate::ledger) static COMMIT: Sql = Sql::new(
    "UPDATE files SET
        state = 'PUBLISHING',
        applied_seq = claimed_seq,
        prev_claim = CASE WHEN CAST($6 AS BIGINT) = 1 THEN NULL ELSE live_claim END,
        live_claim = CASE
            WHEN CAST($6 AS BIGINT) = 1 THEN live_claim
            WHEN CAST($5 AS TEXT) = 'INDEXED' THEN claim_id END,
        dirty = 1,
        committed_claim = claim_id,
        outcome = CAST($5 AS TEXT),
        etag = $7, content_hash = $8, pipeline = $9, size = CAST($10 AS BIGINT), chunks = CAST($11 AS BIGINT),
        missing = $13,
        seen_etag = $7,
        attempts = 0,
        last_error = $12,
        skip_error = $12,
        back_to = NULL,
        enqueued_at = COALESCE(newer_at, enqueued_at),
        newer_at = NULL,
        renamed_from = CASE WHEN desired_seq > claimed_seq THEN renamed_from END,
        entries = entries + 1,
        updated_at = now_ms()
     WHERE index_id = $1 AND file_id = $2 AND state = 'PROCESSING' AND claim_id = $3 AND fence = $4
        AND (CAST($6 AS BIGINT) = 0 OR live_claim IS NOT NULL)
     RETURNING prev_claim, applied_seq, entries, run_id, run_open",
);

/// After a commit that changed nothing: was it done before? Yes as long as no other claim followed, and the claim is still
/// held or was released (not given up).
///
/// $1 index, $2 file, $3 claim, $4 fence
pub(in crate::ledger) static COMMITTED: Sql = Sql::new(
    "SELECT prev_claim, CASE WHEN claim_id IS NULL THEN state END
     FROM files
     WHERE index_id = $1 AND file_id = $2 AND committed_claim = $3 AND fence = $4
        AND (claim_id IS NOT NULL OR dirty = 0)",
);

/// **release**: is it still the caller's claim, and was more reported meanwhile? Then PENDING, otherwise what the commit
/// said. A failed clean-up may have replaced the reason for SKIPPED, so that is put back.
///
/// $1 index, $2 file, $3 claim, $4 fence, $5 debounce
pub(in crate::ledger) static RELEASE: Sql = Sql::new(
    "UPDATE files SET
        state = CASE WHEN desired_seq > applied_seq THEN 'PENDING' ELSE outcome END,
        not_before = CASE WHEN desired_seq > applied_seq THEN now_ms() + CAST($5 AS BIGINT) ELSE not_before END,
        woken_at = 0,
        attempts = 0,
        last_error = skip_error,
        dirty = 0,
        prev_claim = NULL,
        last_claim = claim_id, last_owner = owner,
        claim_id = NULL, owner = NULL, lease_until = NULL, started_at = NULL,
        run_open = CASE WHEN run_open <> 1 THEN 0 WHEN desired_seq > applied_seq THEN 1 ELSE 2 END,
        entries = entries + 1,
        updated_at = now_ms()
     WHERE index_id = $1 AND file_id = $2 AND state = 'PUBLISHING' AND claim_id = $3 AND fence = $4
     RETURNING state, applied_seq, entries, run_id, run_open",
);

/// Is there neither a newer change nor an attempt left? $1 class, $2 most attempts.
macro_rules! spent {
    () => {
        "(desired_seq <= claimed_seq
            AND (CAST($1 AS TEXT) IN ('permanent', 'standing') OR (CAST($1 AS TEXT) = 'transient' AND attempts >= CAST($2 AS BIGINT))))"
    };
}

/// Has content failed for good while an event came in, which may be about the same content? Then it is remembered, so that
/// the next attempt need not try it. Not when a run asks for another try. $1 class, $5 etag.
macro_rules! overtaken {
    () => {
        "(desired_seq > claimed_seq AND CAST($1 AS TEXT) = 'permanent' AND CAST($5 AS TEXT) IS NOT NULL
            AND reason <> 'run')"
    };
}

/// What giving up a claim does, for `fail` and `sweep`: the claim is cleared, which fences the attempt; `live_claim` stays.
/// With something newer wanted the attempts start again; a throttled attempt is not charged, nor is one that found the
/// content that had failed before. One that saw the blob contradicts who said that it is gone.
///
/// $1 class, or `standing`, $2 most attempts, $3 delay, $4 failure, $5 etag
macro_rules! give_up {
    () => {
        concat!(
            "UPDATE files SET
                state = CASE WHEN ",
            spent!(),
            " THEN 'FAILED' ELSE 'PENDING' END,
                seen_etag = CASE WHEN ",
            spent!(),
            " OR ",
            overtaken!(),
            " THEN COALESCE($5, seen_etag) ELSE seen_etag END,
                failed_seq = CASE WHEN ",
            spent!(),
            " OR ",
            overtaken!(),
            " THEN claimed_seq ELSE failed_seq END,
                gone_seq = CASE WHEN CAST($5 AS TEXT) IS NULL THEN gone_seq END,
                attempts = CASE
                    WHEN desired_seq > claimed_seq THEN 0
                    WHEN CAST($1 AS TEXT) IN ('throttled', 'standing') AND attempts > 0 THEN attempts - 1
                    ELSE attempts END,
                failure_count = failure_count + CASE WHEN CAST($1 AS TEXT) IN ('throttled', 'standing') THEN 0 ELSE 1 END,
                not_before = now_ms() + CAST($3 AS BIGINT),
                woken_at = 0,
                newer_at = NULL,
                last_error = $4,
                last_claim = claim_id, last_owner = owner,
                claim_id = NULL, owner = NULL, lease_until = NULL, started_at = NULL,
                run_open = CASE WHEN run_open <> 1 THEN 0 WHEN ",
            spent!(),
            " THEN 2 ELSE 1 END,
                entries = entries + 1,
                updated_at = now_ms()"
        )
    };
}

/// **fail**: is it still the caller's claim? See `give_up!` for the rest.
///
/// $1 to $5 as in `give_up!`, $6 index, $7 file, $8 claim, $9 fence
pub(in crate::ledger) static FAIL: Sql = Sql::new(concat!(
    give_up!(),
    " WHERE index_id = $6 AND file_id = $7 AND claim_id = $8 AND fence = $9
      RETURNING state, claimed_seq, entries, live_claim, run_id, run_open"
));

/// **sweep**: has the lease run out, or the attempt taken too long, renewals or not? Asked twice: to choose the rows, and
/// again under each row's lock.
///
/// $1 to $5 as in `give_up!`, $6 longest time of an attempt, $7 limit
pub(in crate::ledger) static SWEEP: Sql = Sql::new(concat!(
    give_up!(),
    " WHERE claim_id IS NOT NULL AND (lease_until < now_ms() OR started_at < now_ms() - CAST($6 AS BIGINT))
        AND (index_id, file_id) IN (
            SELECT index_id, file_id FROM files
            WHERE claim_id IS NOT NULL AND (lease_until < now_ms() OR started_at < now_ms() - CAST($6 AS BIGINT))
            ORDER BY lease_until, index_id, path LIMIT $7)
      RETURNING index_id, file_id, path, last_claim, last_owner, state, claimed_seq, entries, live_claim, run_id,
        run_open"
));

/// Part of every statement that settles a file: rows that waited for it are due now.
///
/// $1 index, $2 the file that settled
pub(in crate::ledger) static LET_GO: Sql = Sql::new(
    "UPDATE files SET waits_for = NULL, woken_at = 0, updated_at = now_ms()
     WHERE index_id = $1 AND waits_for = $2",
);

/// What trying a file again does, up to the condition. A file that only a run wants tried again is FAILED again when the run
/// is cancelled.
///
/// $3 run
macro_rules! retry {
    () => {
        "UPDATE files SET
            state = 'PENDING',
            attempts = 0,
            woken_at = 0,
            failed_seq = NULL,
            not_before = now_ms(),
            enqueued_at = now_ms(),
            run_joined = CASE WHEN CAST($3 AS TEXT) IS NULL THEN 0 ELSE 1 END,
            run_left = NULL,
            run_open = CASE WHEN CAST($3 AS TEXT) IS NULL THEN 0 ELSE 1 END,
            run_id = COALESCE($3, run_id),
            back_to = 'FAILED',
            entries = entries + 1,
            updated_at = now_ms()"
    };
}
pub(super) use retry;

/// **retry**: is the file FAILED?
///
/// $1 index, $2 file or NULL for all, $3 run
pub(in crate::ledger) static RETRY: Sql = Sql::new(concat!(
    retry!(),
    " WHERE index_id = $1 AND state = 'FAILED' AND file_id = COALESCE($2, file_id)
      RETURNING file_id, desired_seq, run_joined, entries"
));
