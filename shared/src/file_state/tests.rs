use super::{FileState, Outcome, Step, transition};

/// One line per step, one column per state in the order of [`FileState::ALL`]; `-` is an illegal pair.
///
/// The table is written by hand from the design, not from the function, and names every pair there is.
const TABLE: &str = "
                         PENDING    PROCESSING PUBLISHING INDEXED  FAILED   SKIPPED  DELETED  AWAITING
enqueue                  pending    processing publishing pending  pending  pending  pending  pending
enqueue-hold             awaiting   processing publishing awaiting awaiting awaiting awaiting awaiting
claim                    processing -          -          -        -        -        -        -
claim-dirty              publishing -          -          -        -        -        -        -
commit                   -          publishing -          -        -        -        -        -
release-indexed          -          -          indexed    -        -        -        -        -
release-skipped          -          -          skipped    -        -        -        -        -
release-deleted          -          -          deleted    -        -        -        -        -
release-indexed-newer    -          -          pending    -        -        -        -        -
release-skipped-newer    -          -          pending    -        -        -        -        -
release-deleted-newer    -          -          pending    -        -        -        -        -
fail                     -          pending    pending    -        -        -        -        -
fail-spent               -          failed     failed     -        -        -        -        -
fail-newer               -          pending    pending    -        -        -        -        -
fail-spent-newer         -          pending    pending    -        -        -        -        -
retry                    -          -          -          -        pending  -        -        -
terminate                failed     failed     -          -        -        -        -        -
approve-indexed          -          -          -          -        -        -        -        pending
approve-skipped          -          -          -          -        -        -        -        pending
approve-deleted          -          -          -          -        -        -        -        pending
approve-indexed-dirty    -          -          -          -        -        -        -        pending
approve-skipped-dirty    -          -          -          -        -        -        -        pending
approve-deleted-dirty    -          -          -          -        -        -        -        pending
reject-indexed           -          -          -          -        -        -        -        indexed
reject-skipped           -          -          -          -        -        -        -        skipped
reject-deleted           -          -          -          -        -        -        -        deleted
reject-indexed-dirty     -          -          -          -        -        -        -        pending
reject-skipped-dirty     -          -          -          -        -        -        -        pending
reject-deleted-dirty     -          -          -          -        -        -        -        pending
back-indexed             indexed    -          -          -        -        -        -        -
back-skipped             skipped    -          -          -        -        -        -        -
back-deleted             deleted    -          -          -        -        -        -        -
back-failed              failed     -          -          -        -        -        -        -
back-processing          -          -          -          -        -        -        -        -
";

fn step(name: &str) -> Step {
    let has = |word: &str| name.split('-').any(|part| part == word);
    let outcome = || match name {
        _ if has("indexed") => Outcome::Indexed,
        _ if has("skipped") => Outcome::Skipped,
        _ => Outcome::Deleted,
    };
    match name.split('-').next().unwrap() {
        "enqueue" => Step::Enqueue { hold: has("hold") },
        "claim" => Step::Claim { dirty: has("dirty") },
        "commit" => Step::Commit,
        "release" => Step::Release {
            outcome: outcome(),
            newer_wanted: has("newer"),
        },
        "fail" => Step::Fail {
            spent: has("spent"),
            newer_wanted: has("newer"),
        },
        "retry" => Step::Retry,
        "back" => Step::GiveBack {
            to: state(name.trim_start_matches("back-")),
        },
        "terminate" => Step::Terminate,
        verb => Step::Decide {
            approved: verb == "approve",
            current: outcome(),
            dirty: has("dirty"),
        },
    }
}

fn state(name: &str) -> FileState {
    if name == "awaiting" {
        FileState::AwaitingApproval
    } else {
        name.parse().unwrap()
    }
}

#[test]
fn every_pair_of_state_and_step() {
    let mut pairs = 0;
    for line in TABLE
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
    {
        let mut cells = line.split_whitespace();
        let step = step(cells.next().unwrap());
        let cells: Vec<_> = cells.collect();
        assert_eq!(cells.len(), FileState::ALL.len(), "{line}");
        for (from, cell) in FileState::ALL.into_iter().zip(cells) {
            let expected = (cell != "-").then(|| state(cell));
            assert_eq!(transition(from, step).ok(), expected, "{from} {step:?}");
            pairs += 1;
        }
    }
    assert_eq!(
        pairs,
        8 * 34,
        "2 enqueues, 2 claims, 1 commit, 6 releases, 4 fails, 1 retry, 1 termination, 12 decisions and 5 ways back"
    );
}

#[test]
fn an_illegal_step_names_state_and_step() {
    let error = transition(FileState::Indexed, Step::Commit).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Commit cannot happen to a file that is INDEXED"
    );
}

#[test]
fn state_names_round_trip_and_partition() {
    for state in FileState::ALL {
        assert_eq!(state.name().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        assert!(!(state.is_running() && state.is_settled()));
    }
    assert!("INDEXING".parse::<FileState>().is_err());
}
