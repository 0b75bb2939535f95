//! May a build work with a database that a newer one has changed? Decided from what the database says.

use crate::ledger::LedgerError;

/// A migration that this build does not know: its version, and the least version that a build must know to go on, as its
/// database keeps them.
pub(in crate::ledger) type Newer = (i64, Option<i64>);

/// A build that knows versions up to `known` finds a database at version `found`, which says of each `newer` one what it
/// asks for. What does not say anything was not made by this program, or by one that does not care: then nothing is touched.
///
/// # Errors
/// [`LedgerError::NewerSchema`] when it must not go on.
pub(super) fn course(known: i64, found: i64, newer: &[Newer]) -> Result<(), LedgerError> {
    if found <= known {
        return Ok(());
    }
    let refused = |needs| LedgerError::NewerSchema { found, known, needs };
    let all_say = i64::try_from(newer.len()) == Ok(found - known);
    let needs: Option<Vec<i64>> = newer.iter().map(|(_, needs)| *needs).collect();
    match needs.and_then(|needs| needs.into_iter().max()) {
        Some(needs) if all_say && needs <= known => Ok(()),
        Some(needs) if all_say => Err(refused(Some(needs))),
        _ => Err(refused(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it is about, the version that is known, the one that is found, what the database says, and what is refused.
    type Case = (
        &'static str,
        i64,
        i64,
        &'static [Newer],
        Result<(), (i64, Option<i64>)>,
    );

    #[test]
    fn additions_are_gone_along_with_and_all_else_is_refused() {
        let refused = |needs| Err((14, needs));
        let cases: [Case; 11] = [
            ("an empty database", 12, 0, &[], Ok(())),
            ("an older one", 12, 5, &[], Ok(())),
            ("the same", 12, 12, &[], Ok(())),
            ("two additions", 12, 14, &[(13, Some(0)), (14, Some(0))], Ok(())),
            ("in any order", 12, 14, &[(14, Some(0)), (13, Some(0))], Ok(())),
            (
                "asks for no more than is known",
                12,
                14,
                &[(13, Some(0)), (14, Some(12))],
                Ok(()),
            ),
            (
                "asks for one more",
                12,
                14,
                &[(13, Some(0)), (14, Some(13))],
                refused(Some(13)),
            ),
            (
                "asked for more, then additions",
                12,
                14,
                &[(13, Some(13)), (14, Some(0))],
                refused(Some(13)),
            ),
            (
                "says nothing",
                12,
                14,
                &[(13, Some(0)), (14, None)],
                refused(None),
            ),
            (
                "says nothing, and asks for more",
                12,
                14,
                &[(13, None), (14, Some(14))],
                refused(None),
            ),
            ("a gap", 12, 14, &[(14, Some(0))], refused(None)),
        ];
        for (what, known, found, newer, expected) in cases {
            let expected =
                expected.map_err(|(found, needs)| LedgerError::NewerSchema { found, known, needs });
            assert_eq!(course(known, found, newer), expected, "{what}");
        }
        assert!(course(12, i64::MAX, &[]).is_err());
    }
}
