//! Circuit breakers: what is known to be down is not asked again and again.
//!
//! A [`Governor`](crate::governor::Governor) finds out how much a dependency takes at a time; a breaker decides whether it is
//! worth asking at all. After some failures in a row the circuit is open and requests are refused here, at once. When its
//! time has passed it is half open: a probe goes through, and its end closes the circuit or opens it for longer.
//!
//! - [`breaker`] is the state machine, without time or tasks of its own;
//! - [`Circuits`] holds those of a process, by [`Dependency`];
//! - [`guard`] puts them in front of embedder, vector store and source;
//! - [`metrics`] counts what passes them, for every dependency in the same way;
//! - [`checks`] asks what nobody else would ask;
//! - [`report`] tells the ledger what this process sees, so that everybody can ask.
//!
//! Breakers belong to a process, and nothing depends on what another one reports: a processor that lost its network must not
//! stop the others.

pub mod breaker;
pub mod checks;
mod circuits;
mod dependency;
pub mod guard;
pub mod metrics;
pub mod report;
mod settings;

pub use self::breaker::{BreakerPolicy, CircuitState};
pub use self::circuits::{CIRCUIT_OPEN, Circuit, Circuits, Refused, Scouts, Verdict, Watch};
pub use self::dependency::{Dependency, DependencyKind, UnknownDependency};
pub use self::settings::CircuitArgs;
