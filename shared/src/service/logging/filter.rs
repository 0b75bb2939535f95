//! Which lines are logged: levels by where they come from.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::layer::{Context, Filter};

/// Longest filter that can be set for every process, in bytes.
pub(super) const LONGEST_LOG_FILTER: usize = 500;

/// The crates that are ours. What they log never holds a secret, at no level.
const OWN: [&str; 5] = [
    "control_plane",
    "convert",
    "index_processor",
    "longshore",
    "shared",
];

/// The most that is written of what others log. Below it, clients of HTTP, AMQP and databases write requests with their
/// headers, credentials of a handshake, and statements with their values.
const MOST_OF_OTHERS: LevelFilter = LevelFilter::INFO;

/// The text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidLogFilter(String);

/// A level for everything, and others for parts of it: `warn,control_plane=debug,shared::embedder=trace`. The longest name
/// that a line's place begins with counts. Without a level for everything, the rest is off.
#[derive(Clone, Debug)]
pub struct LogFilter {
    text: String,
    everything: LevelFilter,
    /// Those with the longest names first.
    places: Vec<(String, LevelFilter)>,
}

impl PartialEq for LogFilter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl FromStr for LogFilter {
    type Err = InvalidLogFilter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut filter = Self {
            text: text.trim().to_owned(),
            everything: LevelFilter::OFF,
            places: Vec::new(),
        };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let mut any = false;
        for part in parts {
            any = true;
            match part.split_once('=') {
                None => filter.everything = level(part)?,
                Some((place, wanted)) => filter.places.push((named(place.trim())?, level(wanted.trim())?)),
            }
        }
        if !any {
            return Err(InvalidLogFilter(
                "a filter names at least one level, such as info".to_owned(),
            ));
        }
        filter
            .places
            .sort_by_key(|(place, _)| std::cmp::Reverse(place.len()));
        Ok(filter)
    }
}

impl LogFilter {
    /// A filter that somebody sets for every process.
    ///
    /// # Errors
    /// When the text is no filter, is too long, or asks of a dependency for more than is ever written of it.
    pub fn for_every_process(text: &str) -> Result<Self, InvalidLogFilter> {
        if text.len() > LONGEST_LOG_FILTER {
            return Err(InvalidLogFilter(format!(
                "a filter has at most {LONGEST_LOG_FILTER} bytes, this one has {}",
                text.len()
            )));
        }
        let filter: Self = text.parse()?;
        let beyond = |(place, level): &&(String, LevelFilter)| !is_own(place) && *level > MOST_OF_OTHERS;
        if let Some((place, _)) = filter.places.iter().find(beyond) {
            return Err(InvalidLogFilter(format!(
                "{place:?} is no part of Longshore ({}), and of others nothing below info is written: it may hold keys",
                OWN.join(", ")
            )));
        }
        Ok(filter)
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The most that is written of what this place logs.
    fn level_of(&self, target: &str) -> LevelFilter {
        let place = self.places.iter().find(|(place, _)| covers(place, target));
        let level = place.map_or(self.everything, |(_, level)| *level);
        if is_own(target) {
            level
        } else {
            level.min(MOST_OF_OTHERS)
        }
    }

    fn lets(&self, metadata: &Metadata<'_>) -> bool {
        let (level, target) = (*metadata.level(), metadata.target());
        // Whatever is written within has the ids from it, also when the filter changes meanwhile.
        let ids = metadata.is_span() && level <= Level::INFO && is_own(target);
        ids || level <= self.level_of(target)
    }
}

impl<S> Filter<S> for LogFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.lets(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.lets(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let places = self.places.iter().map(|(_, level)| *level);
        places.chain([self.everything, LevelFilter::INFO]).max()
    }
}

fn level(text: &str) -> Result<LevelFilter, InvalidLogFilter> {
    text.parse().map_err(|_| {
        InvalidLogFilter(format!(
            "{text:?} is no level; they are off, error, warn, info, debug and trace"
        ))
    })
}

fn named(place: &str) -> Result<String, InvalidLogFilter> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if place.is_empty() || !place.chars().all(legal) {
        return Err(InvalidLogFilter(format!(
            "{place:?} is no place in the program; write it as control_plane or shared::embedder"
        )));
    }
    Ok(place.to_owned())
}

/// Is `target` the place, or within it?
fn covers(place: &str, target: &str) -> bool {
    let rest = target.strip_prefix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_own(target: &str) -> bool {
    OWN.iter().any(|own| covers(own, target))
}
