//! The tables, version by version, in the dialect that every database shares.

use super::LedgerError;

/// Each brings the tables from the version before to the next; never edited once released.
const MIGRATIONS: [&str; 12] = [
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_missing_parts.sql"),
    include_str!("migrations/0003_generations.sql"),
    include_str!("migrations/0004_runs.sql"),
    include_str!("migrations/0005_instances.sql"),
    include_str!("migrations/0006_approvals.sql"),
    include_str!("migrations/0007_keys.sql"),
    include_str!("migrations/0008_usage.sql"),
    include_str!("migrations/0009_breakers.sql"),
    include_str!("migrations/0010_settings.sql"),
    include_str!("migrations/0011_absences.sql"),
    include_str!("migrations/0012_logging.sql"),
];

/// The versions after `found`, each with its text.
pub(super) fn after(found: i64) -> Result<impl Iterator<Item = (i64, &'static str)>, LedgerError> {
    let applied = usize::try_from(found).unwrap_or(0);
    if applied > MIGRATIONS.len() {
        return Err(LedgerError::NewerSchema {
            found,
            known: i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
        });
    }
    Ok((1..).zip(MIGRATIONS).skip(applied))
}
