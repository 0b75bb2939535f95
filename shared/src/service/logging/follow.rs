//! Goes by the filter that was set for every process, for as long as that lasts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{CONTROL, LogControl, LogFilter};
use crate::ledger::{LedgerError, Logging, LoggingChange};

/// Between two looks: a change is everywhere after this time.
pub(super) const LOGGING_EVERY: Duration = Duration::from_secs(3);

/// What was heard last. It ends by itself, whether or not the ledger can be asked then.
#[derive(Default)]
struct Heard(Option<(LogFilter, Instant)>);

impl Heard {
    /// The filter to go by, after the ledger answered or did not.
    fn listen(
        &mut self,
        now: Instant,
        answer: Result<Option<LoggingChange>, LedgerError>,
    ) -> Option<&LogFilter> {
        match answer {
            Ok(Some(change)) => match change.filter.parse() {
                Ok(filter) => self.0 = Some((filter, now + change.left)),
                Err(why) => {
                    tracing::debug!("the filter that was set is not one that this build knows: {why}");
                    self.0 = None;
                }
            },
            Ok(None) => self.0 = None,
            Err(error) => {
                tracing::debug!(%error, "whether another filter was set cannot be told, trying again")
            }
        }
        if self.0.as_ref().is_some_and(|(_, end)| *end <= now) {
            self.0 = None;
        }
        self.0.as_ref().map(|(filter, _)| filter)
    }

    /// When to look again.
    fn next(&self, now: Instant) -> Instant {
        let end = self.0.as_ref().map(|(_, end)| *end);
        end.map_or(now + LOGGING_EVERY, |end| end.min(now + LOGGING_EVERY))
    }
}

/// Looks every few seconds for a filter that was set for every process, and goes by it or by the process's own, until told to
/// stop. Does nothing where logging was not started by [`start`](super::start).
pub async fn follow(ledger: Arc<dyn Logging>, stop: CancellationToken) {
    if let Some(control) = CONTROL.get() {
        follow_with(control, ledger, stop).await;
    }
}

pub(super) async fn follow_with(control: &LogControl, ledger: Arc<dyn Logging>, stop: CancellationToken) {
    let mut heard = Heard::default();
    loop {
        let asked = tokio::time::timeout(LOGGING_EVERY, ledger.logging());
        let answer = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            answer = asked => answer.unwrap_or_else(|_elapsed| Err(LedgerError::Unavailable("no answer in time".to_owned()))),
        };
        let now = Instant::now();
        control.go_by(heard.listen(now, answer));
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(heard.next(now)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(filter: &str, left: u64) -> Result<Option<LoggingChange>, LedgerError> {
        Ok(Some(LoggingChange {
            filter: filter.to_owned(),
            set_by: "somebody".to_owned(),
            set_at: 0,
            until: 0,
            left: Duration::from_secs(left),
        }))
    }

    fn down() -> Result<Option<LoggingChange>, LedgerError> {
        Err(LedgerError::Unavailable("down".to_owned()))
    }

    #[test]
    fn what_was_set_ends_by_itself() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut text = |seconds, answer| {
            let filter = heard
                .listen(at(seconds), answer)
                .map(|filter| filter.text().to_owned());
            (filter, heard.next(at(seconds)))
        };
        let debug = || Some("debug".to_owned());
        assert_eq!(text(0, Ok(None)), (None, at(3)));
        assert_eq!(text(3, set("debug", 10)), (debug(), at(6)));
        // Nobody answers: it goes on, and ends in time.
        assert_eq!(text(11, down()), (debug(), at(13)));
        assert_eq!(text(13, down()), (None, at(16)));
        assert_eq!(text(16, down()), (None, at(19)));
        // Somebody ends it.
        assert_eq!(text(19, set("debug", 900)), (debug(), at(22)));
        assert_eq!(text(22, Ok(None)), (None, at(25)));
        // A newer build may allow what this one does not know.
        assert_eq!(text(25, set("[span]=debug", 900)), (None, at(28)));
    }
}
