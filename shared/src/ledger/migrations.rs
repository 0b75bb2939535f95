//! The tables, version by version, in the dialect that every database shares.
//!
//! Builds before and after a migration share a ledger while a fleet is replaced, and a build may be taken back. So a
//! migration says whom it leaves behind ([`Kind`]), the database keeps that beside the version, and a build that finds
//! migrations that it does not know asks the database whether it may go on ([`course()`]). What a migration may do, and why, is in
//! `docs/decisions/migrations.md`; `migrations/tests.rs` holds it to that.

mod course;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod tests;

use super::LedgerError;
pub(super) use course::Newer;
use course::course;

/// Whom a migration leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nobody: it only adds, and builds that do not know it go on.
    Expand,
    /// Builds that do not know the tables of version `needs`: it takes away what they use.
    #[allow(dead_code, reason = "no release has contracted anything yet")]
    Contract { needs: i64 },
}

/// What brings the tables from the version before to `version`; never edited once released.
#[derive(Debug)]
pub(super) struct Migration {
    pub(super) version: i64,
    kind: Kind,
    #[cfg_attr(not(test), allow(dead_code, reason = "the lint tells it"))]
    name: &'static str,
    pub(super) sql: &'static str,
}

impl Migration {
    /// The least version that a build must know to work with the tables as this leaves them, if the database is to keep it;
    /// 0: any build may.
    pub(super) fn needs(&self) -> Option<i64> {
        let needs = match self.kind {
            Kind::Expand => 0,
            Kind::Contract { needs } => needs,
        };
        (self.version >= KEPT_SINCE).then_some(needs)
    }
}

/// The migration that made room for [`Migration::needs`].
const KEPT_SINCE: i64 = 11;

macro_rules! migration {
    ($version:literal, $kind:expr, $name:literal) => {
        Migration {
            version: $version,
            kind: $kind,
            name: $name,
            sql: include_str!(concat!("migrations/", $name, ".sql")),
        }
    };
}

const MIGRATIONS: [Migration; 13] = [
    migration!(1, Kind::Expand, "0001_initial"),
    migration!(2, Kind::Expand, "0002_missing_parts"),
    migration!(3, Kind::Expand, "0003_generations"),
    migration!(4, Kind::Expand, "0004_runs"),
    migration!(5, Kind::Expand, "0005_instances"),
    migration!(6, Kind::Expand, "0006_approvals"),
    migration!(7, Kind::Expand, "0007_keys"),
    migration!(8, Kind::Expand, "0008_usage"),
    migration!(9, Kind::Expand, "0009_breakers"),
    migration!(10, Kind::Expand, "0010_settings"),
    migration!(11, Kind::Expand, "0011_compatibility"),
    migration!(12, Kind::Expand, "0012_absences"),
    migration!(13, Kind::Expand, "0013_logging"),
];

/// The version of the ledger's tables that this build makes.
pub const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// The version that a database has.
pub(super) const FOUND: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_version";

/// What a database keeps about versions that this build does not know; `course` takes it. Only there is the column certain
/// to be there: a build that knows less than a version with the column has come across a newer one.
pub(super) const NEWER: &str = "SELECT version, needs FROM schema_version WHERE version > ";

/// Is it a version that this build does not know?
pub(super) fn is_newer(found: i64) -> bool {
    found > SCHEMA_VERSION
}

/// The migrations that a database at version `found` lacks, in order; none when it is at a newer one that lets this build go
/// on, which is said in the log. `newer` is what it keeps about those.
///
/// # Errors
/// [`LedgerError::NewerSchema`] when this build must not touch it.
pub(super) fn lacking(found: i64, newer: &[Newer]) -> Result<&'static [Migration], LedgerError> {
    course(SCHEMA_VERSION, found, newer)?;
    if is_newer(found) {
        // Shown by every service and command as they log by default.
        tracing::warn!(
            target: "longshore",
            "a newer build has brought the ledger to schema version {found}, this build knows {SCHEMA_VERSION}; it may go on, \
             as all that was done is additions: finish the upgrade, or the way back"
        );
    }
    let first = MIGRATIONS.partition_point(|migration| migration.version <= found);
    Ok(&MIGRATIONS[first..])
}

/// Says that the tables are up to date now.
pub(super) fn tell(from: i64, to: i64) {
    tracing::info!(
        schema.from = from,
        schema.to = to,
        "brought the ledger from schema version {from} to {to}"
    );
}
