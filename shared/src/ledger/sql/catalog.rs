//! Statements about families of generations. Each decides on the family's own row, under its lock; `ALIGN_FAMILY` then makes
//! the states of the generations follow, in the same transaction.

use super::Sql;

/// A family with a row of its own; a no-op when it has one. $1 name
pub(in crate::ledger) static ENSURE_FAMILY: Sql = Sql::new(
    "INSERT INTO catalog (name, live, paused)
     SELECT index_id, index_id, CASE WHEN state = 'PAUSED' THEN 1 ELSE 0 END FROM indexes
     WHERE index_id = $1 AND family IS NULL
     ON CONFLICT (name) DO NOTHING",
);

/// The states of the generations as the family's row wants them; what has no place there goes. $1 name
pub(in crate::ledger) static ALIGN_FAMILY: Sql = Sql::new(
    "UPDATE indexes SET state = CASE
        WHEN indexes.index_id = catalog.live OR indexes.index_id = catalog.building
            OR (indexes.index_id = catalog.retired AND catalog.going_back = 1)
        THEN CASE WHEN catalog.paused = 1 THEN 'PAUSED' ELSE 'ACTIVE' END
        WHEN indexes.index_id = catalog.retired THEN 'PAUSED'
        ELSE 'DELETING' END
     FROM catalog
     WHERE catalog.name = $1 AND COALESCE(indexes.family, indexes.index_id) = catalog.name
        AND indexes.state <> 'DELETING'",
);

/// $1 name, $2 paused (1) or not (0)
pub(in crate::ledger) static PAUSE_FAMILY: Sql =
    Sql::new("UPDATE catalog SET paused = CAST($2 AS BIGINT) WHERE name = $1");

/// $1 name
pub(in crate::ledger) static DELETE_FAMILY: Sql = Sql::new("UPDATE catalog SET deleting = 1 WHERE name = $1");

/// Is none of its generations left? $1 name
pub(in crate::ledger) static ERASE_FAMILY: Sql = Sql::new(
    "DELETE FROM catalog WHERE name = $1
        AND NOT EXISTS (SELECT 1 FROM indexes WHERE COALESCE(indexes.family, indexes.index_id) = catalog.name)",
);

/// Every family.
pub(in crate::ledger) static FAMILIES: Sql = Sql::new(
    "SELECT name, live, building, retired, made, paused, deleting, going_back, began_at, progress_at, waits_for, swapped_at,
        alias, failed, failed_at, failure, now_ms()
     FROM catalog ORDER BY name",
);

/// **begin**: is nothing being built, and nothing coming back? $1 name
pub(in crate::ledger) static BEGIN_GENERATION: Sql = Sql::new(
    "UPDATE catalog SET
        made = made + 1,
        building = name || '~' || CAST(made + 1 AS TEXT),
        began_at = now_ms(),
        progress = 0,
        progress_at = now_ms(),
        waits_for = NULL,
        failed = NULL, failed_at = NULL, failure = NULL
     WHERE name = $1 AND building IS NULL AND going_back = 0 AND deleting = 0
     RETURNING building",
);

/// The index that BEGIN_GENERATION named. $1 name, $2 settings
pub(in crate::ledger) static ADD_GENERATION: Sql = Sql::new(
    "INSERT INTO indexes (index_id, family, state, settings, created_at)
     SELECT building, name, CASE WHEN paused = 1 THEN 'PAUSED' ELSE 'ACTIVE' END, CAST($2 AS TEXT), now_ms()
     FROM catalog WHERE name = $1 AND building IS NOT NULL",
);

/// Files that the live generation shows, and that the next one has not settled and does not show in the same version.
macro_rules! behind {
    () => {
        "files AS next JOIN files AS shown ON shown.index_id = catalog.live AND shown.path = next.path
         WHERE next.index_id = $2
            AND next.state IN ('PENDING', 'PROCESSING', 'PUBLISHING', 'FAILED', 'AWAITING_APPROVAL')
            AND shown.live_claim IS NOT NULL
            AND NOT (next.live_claim IS NOT NULL AND next.etag IS NOT DISTINCT FROM shown.etag)
            AND NOT (shown.state = 'FAILED' AND next.state = 'FAILED')"
    };
}

/// Files that the live generation shows, and that the next one would not show as well; `shown` and `next` are the two rows.
///
/// The next one is as good when it shows the same version, when its settings leave the file out, or when the live one is
/// behind or has failed itself and the next one has settled: then it has seen what the live one has not applied.
macro_rules! lost {
    () => {
        "files AS shown
         WHERE shown.index_id = catalog.live AND shown.live_claim IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM files AS next
                WHERE next.index_id = $2 AND next.path = shown.path
                    AND ((next.live_claim IS NOT NULL AND next.etag IS NOT DISTINCT FROM shown.etag)
                        OR next.state = 'SKIPPED'
                        OR (shown.state = 'FAILED' AND next.state = 'FAILED')
                        OR (shown.state IN ('PENDING', 'PROCESSING', 'PUBLISHING', 'FAILED')
                            AND next.state IN ('INDEXED', 'DELETED'))))"
    };
}

/// Files that the next generation shows and has not settled, and that the live one does not show.
macro_rules! risen {
    () => {
        "files AS next
         WHERE next.index_id = $2 AND next.live_claim IS NOT NULL
            AND next.state IN ('PENDING', 'PROCESSING', 'PUBLISHING', 'FAILED', 'AWAITING_APPROVAL')
            AND NOT EXISTS (SELECT 1 FROM files AS shown
                WHERE shown.index_id = catalog.live AND shown.path = next.path AND shown.live_claim IS NOT NULL)"
    };
}

/// $1 name, $2 next generation, $3 limit
pub(in crate::ledger) static LOST: Sql = Sql::new(concat!(
    "SELECT shown.path FROM catalog, ",
    lost!(),
    " AND catalog.name = $1 ORDER BY shown.path LIMIT $3"
));

/// $1 name, $2 next generation, $3 limit
pub(in crate::ledger) static RISEN: Sql = Sql::new(concat!(
    "SELECT next.path FROM catalog, ",
    risen!(),
    " AND catalog.name = $1 ORDER BY next.path LIMIT $3"
));

/// **swap**: is the next generation the one that is wanted, and would search lose nothing by what it has not settled? That
/// nothing else is lost was asked before (LOST): it reads every file, and every write would wait for that.
///
/// $1 name, $2 next generation, $3 forced (1) or not (0)
pub(in crate::ledger) static SWAP: Sql = Sql::new(concat!(
    "UPDATE catalog SET
        retired = live,
        live = CAST($2 AS TEXT),
        building = NULL,
        going_back = 0,
        waits_for = NULL,
        swapped_at = now_ms(),
        failed = NULL, failed_at = NULL, failure = NULL
     WHERE name = $1 AND deleting = 0
        AND ((building = $2 AND EXISTS (SELECT 1 FROM indexes WHERE index_id = $2 AND comparison IS NOT NULL))
            OR (retired = $2 AND building IS NULL AND (going_back = 1 OR CAST($3 AS BIGINT) = 1)))
        AND (CAST($3 AS BIGINT) = 1
            OR (NOT EXISTS (SELECT 1 FROM ",
    behind!(),
    ") AND NOT EXISTS (SELECT 1 FROM ",
    risen!(),
    ")))
     RETURNING live"
));

/// **roll back**: is it being built, or on its way back? $1 name, $2 generation, $3 reason
pub(in crate::ledger) static ROLL_BACK: Sql = Sql::new(
    "UPDATE catalog SET
        failed = building,
        failed_at = CASE WHEN building IS NOT NULL THEN now_ms() END,
        failure = CASE WHEN building IS NOT NULL THEN CAST($3 AS TEXT) END,
        building = NULL,
        going_back = 0
     WHERE name = $1 AND (building = $2 OR (retired = $2 AND going_back = 1))
     RETURNING live",
);

/// **undo**: is it live, with one before it, and nothing being built? $1 name, $2 live generation
pub(in crate::ledger) static UNDO_SWAP: Sql = Sql::new(
    "UPDATE catalog SET going_back = 1, waits_for = NULL
     WHERE name = $1 AND live = $2 AND retired IS NOT NULL AND building IS NULL AND deleting = 0
     RETURNING live",
);

/// **drop**: is it retired for good, and for long enough? $1 name, $2 retired generation, $3 age
pub(in crate::ledger) static DROP_RETIRED: Sql = Sql::new(
    "UPDATE catalog SET retired = NULL
     WHERE name = $1 AND retired = $2 AND going_back = 0 AND swapped_at <= now_ms() - CAST($3 AS BIGINT)
     RETURNING live",
);

/// $1 name, $2 generation that is to become live, $3 settled files, $4 what it waits for
pub(in crate::ledger) static NOTE_PROGRESS: Sql = Sql::new(
    "UPDATE catalog SET
        progress_at = CASE WHEN progress <> CAST($3 AS BIGINT) OR paused = 1 THEN now_ms() ELSE progress_at END,
        progress = CAST($3 AS BIGINT),
        waits_for = CAST($4 AS TEXT)
     WHERE name = $1 AND (building = $2 OR (retired = $2 AND going_back = 1))
        AND (progress <> CAST($3 AS BIGINT) OR paused = 1 OR waits_for IS DISTINCT FROM CAST($4 AS TEXT))",
);

/// $1 name, $2 live generation
pub(in crate::ledger) static NOTE_ALIAS: Sql =
    Sql::new("UPDATE catalog SET alias = live WHERE name = $1 AND live = $2");
