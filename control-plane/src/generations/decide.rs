//! What to do with a generation that is being built; pure.

use std::time::Duration;

use shared::file_state::FileState;
use shared::ledger::IndexStats;

/// With so many files left to do, it is worth a look whether those that are left would be missed.
const NEARLY_DONE: u64 = 1000;

/// When a build is given up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// More files than this have failed, and not in the live generation,
    pub failed_files: u64,
    /// and more than this share of all.
    pub failed_share: f64,
    /// The model has refused for so long, and no file was settled meanwhile.
    pub refusal: Duration,
    /// No file was settled for so long, whatever the reason. Long, because a model that is away for a night comes back, and what
    /// is built already was paid for.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failed_files: 10,
            failed_share: 0.05,
            refusal: Duration::from_secs(300),
            stall: Duration::from_secs(6 * 3600),
        }
    }
}

/// What is known of a build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Was it compared with the source since it was begun?
    pub compared: bool,
    /// Is the index paused?
    pub paused: bool,
    /// Its numbers.
    pub next: IndexStats,
    /// Those of the live generation.
    pub live: IndexStats,
    /// Time since a file of it last settled.
    pub idle: Duration,
    /// What the model says to a file that waits, when that is something that only a person can mend.
    pub refused: Option<String>,
    /// A file of it that failed, and why.
    pub failure: Option<String>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet, for this reason.
    Wait(String),
    /// Swap, if no file stands in the way.
    Try,
    /// Roll it back, for this reason.
    GiveUp(String),
}

impl Facts {
    /// Files that it knows and has nothing to do for.
    #[must_use]
    pub fn settled(&self) -> u64 {
        let known: u64 = self.next.by_state.values().sum();
        known.saturating_sub(self.next.backlog)
    }

    /// Files that it will have: those that it knows, or, before it has seen the source, those of the live generation.
    #[must_use]
    pub fn total(&self) -> u64 {
        let known = |stats: &IndexStats| -> u64 {
            let states = stats.by_state.iter();
            states
                .filter(|(state, _)| **state != FileState::Deleted)
                .map(|(_, files)| files)
                .sum()
        };
        if self.compared {
            known(&self.next)
        } else {
            known(&self.next).max(known(&self.live))
        }
    }

    /// Files that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let count = self.next.by_state.get(&FileState::Failed);
        count.copied().unwrap_or(0)
    }
}

/// Decides.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
pub fn decide(facts: &Facts, limits: &Limits) -> Verdict {
    let (failed, total) = (facts.failed(), facts.total());
    let failed_before = facts.live.by_state.get(&FileState::Failed).copied().unwrap_or(0);
    let worse = failed.saturating_sub(failed_before);
    if worse > limits.failed_files && worse as f64 > limits.failed_share * total as f64 {
        let one = facts.failure.as_deref().unwrap_or("which is not known");
        return Verdict::GiveUp(format!(
            "{failed} of {total} files failed, {failed_before} in the live generation; one of them: {one}"
        ));
    }
    if !facts.paused {
        if let Some(refusal) = facts.refused.as_ref().filter(|_| facts.idle >= limits.refusal) {
            return Verdict::GiveUp(format!("the model refuses: {refusal}"));
        }
        if facts.idle >= limits.stall {
            let (settled, hours) = (facts.settled(), facts.idle.as_secs() / 3600);
            return Verdict::GiveUp(format!(
                "nothing was done for {hours} hours, {settled} of {total} files were settled; do the processors know the \
                 model?"
            ));
        }
    }
    if !facts.compared {
        Verdict::Wait("it was not compared with the source yet".to_owned())
    } else if facts.next.backlog > NEARLY_DONE {
        Verdict::Wait(format!("{} files are to be done", facts.next.backlog))
    } else {
        Verdict::Try
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn stats(indexed: u64, failed: u64, pending: u64) -> IndexStats {
        IndexStats {
            by_state: BTreeMap::from([
                (FileState::Indexed, indexed),
                (FileState::Failed, failed),
                (FileState::Pending, pending),
                (FileState::Deleted, 7),
            ]),
            backlog: pending,
            ..IndexStats::default()
        }
    }

    fn facts(next: IndexStats) -> Facts {
        Facts {
            compared: true,
            live: stats(100, 5, 0),
            next,
            ..Facts::default()
        }
    }

    fn gives_up(facts: &Facts) -> bool {
        matches!(decide(facts, &Limits::default()), Verdict::GiveUp(_))
    }

    #[test]
    fn a_build_is_tried_when_it_is_nearly_done() {
        let done = facts(stats(100, 5, 0));
        assert_eq!((done.settled(), done.total(), done.failed()), (112, 105, 5));
        assert_eq!(decide(&done, &Limits::default()), Verdict::Try);
        let busy = facts(stats(100, 5, 3));
        assert_eq!(decide(&busy, &Limits::default()), Verdict::Try);
        let far = facts(stats(100, 5, 2000));
        assert!(matches!(decide(&far, &Limits::default()), Verdict::Wait(why) if why.contains("2000")));
        let blind = Facts {
            compared: false,
            ..facts(stats(0, 0, 0))
        };
        assert!(matches!(decide(&blind, &Limits::default()), Verdict::Wait(why) if why.contains("source")));
        assert_eq!(blind.total(), 105, "what the live one has");
    }

    #[test]
    fn a_build_with_many_new_failures_is_given_up() {
        assert!(!gives_up(&facts(stats(85, 15, 0))), "ten more are not too many");
        assert!(gives_up(&facts(stats(84, 16, 0))));
        assert!(
            !gives_up(&facts(stats(1000, 30, 0))),
            "nor are they in a large index"
        );
    }

    #[test]
    fn a_build_that_stands_still_is_given_up() {
        let still = |idle: u64, refused: bool| Facts {
            idle: Duration::from_secs(idle),
            refused: refused.then(|| "embedder_refused_key: 401".to_owned()),
            ..facts(stats(0, 0, 50))
        };
        assert!(!gives_up(&still(299, true)));
        assert!(gives_up(&still(300, true)));
        assert!(!gives_up(&still(6 * 3600 - 1, false)));
        assert!(gives_up(&still(6 * 3600, false)));
        let paused = Facts {
            paused: true,
            ..still(7 * 3600, true)
        };
        assert!(!gives_up(&paused));
    }
}
