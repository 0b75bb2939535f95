//! Limits of searches.

use std::time::Duration;

use clap::Args;
use shared::index_settings::ModelSettings;

use super::query_cache::QueryCache;

/// Limits of searches, as flags, variables and file entries.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Search")]
pub struct SearchSettings {
    /// Longest time that a search may take.
    #[arg(long, env = "SEARCH_TIMEOUT_SECONDS", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub search_timeout_seconds: u64,

    /// Memory for the vectors of queries that were asked before; 0 keeps none.
    #[arg(long, env = "SEARCH_CACHE_MIB", default_value_t = 32, value_name = "MIB", value_parser = clap::value_parser!(u64).range(0..=65_536))]
    pub search_cache_mib: u64,

    /// How long they are kept.
    #[arg(long, env = "SEARCH_CACHE_SECONDS", default_value_t = 3600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub search_cache_seconds: u64,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            search_timeout_seconds: 10,
            search_cache_mib: 32,
            search_cache_seconds: 3600,
        }
    }
}

/// What the searches of a process share. Clones share it.
#[derive(Clone, Debug)]
pub struct SearchLimits {
    /// Longest time that a search may take.
    pub timeout: Duration,
    /// Vectors of queries.
    pub cache: QueryCache,
}

impl SearchLimits {
    /// Makes the cache; call it once in a process.
    #[must_use]
    pub fn new(settings: &SearchSettings) -> Self {
        let time_to_live = Duration::from_secs(settings.search_cache_seconds);
        Self {
            timeout: Duration::from_secs(settings.search_timeout_seconds),
            cache: QueryCache::new(settings.search_cache_mib << 20, time_to_live),
        }
    }

    /// The same for an index with this model.
    #[must_use]
    pub fn of(&self, model: Option<&ModelSettings>) -> Self {
        Self {
            timeout: self.timeout,
            cache: self.cache.of(model),
        }
    }
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self::new(&SearchSettings::default())
    }
}
