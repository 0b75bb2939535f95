//! The statement that changes settings.

use super::Sql;

/// **change_settings**: is the index as it was when the change was made up?
///
/// $1 index, $2 settings, $3 when it was added, $4 revision
pub(in crate::ledger) static CHANGE_SETTINGS: Sql = Sql::new(
    "UPDATE indexes SET settings = $2, revision = revision + 1
     WHERE index_id = $1 AND created_at = $3 AND revision = $4 AND state <> 'DELETING'
     RETURNING index_id",
);
