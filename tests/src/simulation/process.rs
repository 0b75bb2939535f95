//! A process of the fleet: dies or freezes at a poll that the seed names, with all its tasks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use shared::shutdown::confinement::{Confinement, Permit};
use tokio::sync::Notify;

/// What befalls a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doom {
    /// It is gone.
    Dies,
    /// It stands still and goes on later, not knowing that it did.
    Freezes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Running,
    Frozen,
    Dead,
}

pub(super) struct Process {
    /// Names its incarnation too.
    pub(super) name: Arc<str>,
    /// Told when the mode changed.
    pub(super) changed: Notify,
    state: Mutex<State>,
}

struct State {
    mode: Mode,
    polls: u64,
    doom: Option<(u64, Doom)>,
    waiting: Vec<Waker>,
}

impl Process {
    /// A process that meets its doom after so many polls of its tasks.
    pub(super) fn new(name: String, doom: Option<(u64, Doom)>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            changed: Notify::new(),
            state: Mutex::new(State {
                mode: Mode::Running,
                polls: 0,
                doom,
                waiting: Vec::new(),
            }),
        })
    }

    pub(super) fn mode(&self) -> Mode {
        self.state().mode
    }

    /// Goes on, if frozen, until another doom.
    pub(super) fn thaw(&self, doom: Option<(u64, Doom)>) {
        let mut state = self.state();
        state.doom = doom.map(|(after, doom)| (state.polls + after, doom));
        if state.mode == Mode::Frozen {
            state.mode = Mode::Running;
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Confinement for Process {
    fn permit(&self, context: &mut Context<'_>) -> Permit {
        let mut state = self.state();
        state.polls += 1;
        if let Some((at, doom)) = state.doom
            && state.mode == Mode::Running
            && state.polls >= at
        {
            state.doom = None;
            state.mode = match doom {
                Doom::Dies => Mode::Dead,
                Doom::Freezes => Mode::Frozen,
            };
            self.changed.notify_one();
        }
        match state.mode {
            Mode::Running => Permit::Go,
            Mode::Frozen => {
                state.waiting.push(context.waker().clone());
                Permit::Wait
            }
            Mode::Dead => Permit::Gone,
        }
    }
}
