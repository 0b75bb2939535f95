//! The broker: loses, repeats and reorders wake-ups, breaks connections, and discards what was delivered too often, with
//! whatever happened to be prefetched beside it.

mod client;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::work_message::{Lane, WorkMessage};
use tokio::sync::Notify;

use super::history::History;
use super::world::World;
pub(super) use client::BrokerClient;

struct Entry {
    message: WorkMessage,
    /// Deliveries that came back.
    returned: u32,
}

struct Subscription {
    who: Arc<str>,
    lane: Lane,
    prefetch: usize,
    alive: bool,
    /// Sent, and not yet taken by the process.
    waiting: VecDeque<u64>,
    /// Sent and not acknowledged, those waiting included.
    unsettled: BTreeMap<u64, Entry>,
    arrived: Arc<Notify>,
}

#[derive(Default)]
struct State {
    queues: BTreeMap<Lane, VecDeque<Entry>>,
    subscriptions: BTreeMap<u64, Subscription>,
    tags: u64,
}

pub(super) struct Broker {
    world: Arc<World>,
    history: Arc<History>,
    state: Mutex<State>,
}

impl Broker {
    pub(super) fn new(world: Arc<World>, history: Arc<History>) -> Arc<Self> {
        Arc::new(Self {
            world,
            history,
            state: Mutex::default(),
        })
    }

    /// Drops everything that waits in a queue.
    pub(super) fn purge(&self) {
        let mut state = self.state();
        let purged: usize = state
            .queues
            .values_mut()
            .map(|queue| queue.drain(..).count())
            .sum();
        drop(state);
        self.world
            .note("broker", format_args!("{purged} messages are purged"));
    }

    /// Breaks every connection of a process: what it had comes back, in any order, and counts as delivered once more.
    pub(super) fn disconnect(&self, who: &str) {
        self.world
            .note("broker", format_args!("loses its connection to {who}"));
        let mut state = self.state();
        let mut back = Vec::new();
        for subscription in state.subscriptions.values_mut() {
            if &*subscription.who == who && subscription.alive {
                subscription.alive = false;
                subscription.waiting.clear();
                let unsettled = std::mem::take(&mut subscription.unsettled);
                back.extend(unsettled.into_values().map(|entry| (subscription.lane, entry)));
                subscription.arrived.notify_one();
            }
        }
        for (lane, entry) in back {
            self.take_back(&mut state, lane, entry);
        }
        self.pump(&mut state);
    }

    /// Processes that are connected.
    pub(super) fn connected(&self) -> Vec<Arc<str>> {
        let state = self.state();
        let alive = state
            .subscriptions
            .values()
            .filter(|subscription| subscription.alive);
        let mut names: Vec<_> = alive.map(|subscription| Arc::clone(&subscription.who)).collect();
        names.dedup();
        names
    }

    fn publish(&self, lane: Lane, message: &WorkMessage) {
        let (faults, dice, calm) = (&self.world.plan.broker, &self.world.dice, self.world.is_calm());
        let copies = match () {
            () if !calm && dice.chance(faults.lose) => 0,
            () if !calm && dice.chance(faults.repeat) => 2,
            () => 1,
        };
        let mut state = self.state();
        for _ in 0..copies {
            let queue = state.queues.entry(lane).or_default();
            let entry = Entry {
                message: message.clone(),
                returned: 0,
            };
            if !calm && dice.chance(faults.reorder) {
                queue.insert(dice.place(queue.len() + 1), entry);
            } else {
                queue.push_back(entry);
            }
        }
        self.pump(&mut state);
    }

    fn subscribe(&self, who: &Arc<str>, lane: Lane, prefetch: u16) -> (u64, Arc<Notify>) {
        let mut state = self.state();
        state.tags += 1;
        let (id, arrived) = (state.tags, Arc::new(Notify::new()));
        let subscription = Subscription {
            who: Arc::clone(who),
            lane,
            prefetch: usize::from(prefetch.max(1)),
            alive: true,
            waiting: VecDeque::new(),
            unsettled: BTreeMap::new(),
            arrived: Arc::clone(&arrived),
        };
        state.subscriptions.insert(id, subscription);
        self.pump(&mut state);
        (id, arrived)
    }

    fn unsubscribe(&self, id: u64) {
        let mut state = self.state();
        let Some(subscription) = state.subscriptions.remove(&id) else {
            return;
        };
        for entry in subscription.unsettled.into_values() {
            self.take_back(&mut state, subscription.lane, entry);
        }
        self.pump(&mut state);
    }

    /// The next message of a subscription: `Err` when its connection is gone.
    fn receive(&self, id: u64) -> Result<Option<(u64, WorkMessage, bool)>, ()> {
        let mut state = self.state();
        let subscription = state.subscriptions.get_mut(&id).filter(|s| s.alive).ok_or(())?;
        let Some(tag) = subscription.waiting.pop_front() else {
            return Ok(None);
        };
        let entry = subscription.unsettled.get(&tag).ok_or(())?;
        Ok(Some((tag, entry.message.clone(), entry.returned > 0)))
    }

    /// Ends a delivery. `Err` when its connection is gone.
    fn settle(&self, id: u64, tag: u64, back: bool) -> Result<(), ()> {
        let mut state = self.state();
        let subscription = state.subscriptions.get_mut(&id).filter(|s| s.alive).ok_or(())?;
        let lane = subscription.lane;
        let entry = subscription.unsettled.remove(&tag).ok_or(())?;
        if back {
            self.take_back(&mut state, lane, entry);
        }
        self.pump(&mut state);
        Ok(())
    }

    fn take_back(&self, state: &mut State, lane: Lane, mut entry: Entry) {
        entry.returned += 1;
        if entry.returned > self.world.plan.broker.delivery_limit {
            let path = &entry.message.path;
            self.world
                .note("broker", format_args!("gives a message of {path} up"));
            return;
        }
        let queue = state.queues.entry(lane).or_default();
        queue.insert(self.world.dice.place(queue.len() + 1), entry);
    }

    /// Sends what waits to whoever has room.
    fn pump(&self, state: &mut State) {
        for lane in Lane::ALL {
            while state.queues.get(&lane).is_some_and(|queue| !queue.is_empty()) {
                let room = state
                    .subscriptions
                    .values_mut()
                    .filter(|s| s.alive && s.lane == lane && s.unsettled.len() < s.prefetch);
                let mut room: Vec<_> = room.collect();
                if room.is_empty() {
                    break;
                }
                let subscription = room.swap_remove(self.world.dice.place(room.len()));
                let Some(entry) = state.queues.get_mut(&lane).and_then(VecDeque::pop_front) else {
                    break;
                };
                state.tags += 1;
                subscription.waiting.push_back(state.tags);
                subscription.unsettled.insert(state.tags, entry);
                subscription.arrived.notify_one();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
