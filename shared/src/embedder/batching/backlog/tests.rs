use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::*;

type Receiver = oneshot::Receiver<Result<Piece, Failure>>;

struct Desk {
    backlog: Backlog,
    room: Arc<Semaphore>,
}

impl Desk {
    fn new() -> Self {
        Self {
            backlog: Backlog::default(),
            room: Arc::new(Semaphore::new(1_000)),
        }
    }

    fn order(&mut self, text: &str) -> Receiver {
        let (reply, receiver) = oneshot::channel();
        let room = Arc::clone(&self.room).try_acquire_owned().unwrap();
        self.backlog.add(Order {
            origin: tracing::Span::none(),
            text: text.into(),
            reply,
            room,
            caller: SpanContext::NONE,
        });
        receiver
    }

    fn cut(&mut self, texts: usize, tokens: u64) -> Option<Vec<String>> {
        let batch = self.backlog.cut(texts, tokens)?;
        Some(batch.texts.iter().map(ToString::to_string).collect())
    }
}

fn vector_of(text: &str) -> Vec<f32> {
    text.bytes().map(f32::from).collect()
}

#[test]
fn batches_stay_below_both_limits() {
    let mut desk = Desk::new();
    let _receivers: Vec<_> = ["aaa", "bbb", "cccccc", "dddddddddddd", "e"]
        .map(|text| desk.order(text))
        .into();
    assert_eq!(desk.cut(2, 9).unwrap(), ["aaa", "bbb"], "two texts");
    assert_eq!(desk.cut(2, 2).unwrap(), ["cccccc"], "two tokens");
    assert_eq!(
        desk.cut(2, 2).unwrap(),
        ["dddddddddddd"],
        "a large text goes alone"
    );
    assert_eq!(desk.cut(2, 2).unwrap(), ["e"]);
    assert_eq!(desk.cut(2, 2), None);
}

#[test]
fn a_caller_who_leaves_takes_only_its_own_texts() {
    let mut desk = Desk::new();
    let _stays = desk.order("both");
    let leaves = [desk.order("both"), desk.order("mine")];
    drop(leaves);
    assert_eq!(desk.cut(9, 9).unwrap(), ["both"]);
    assert_eq!(desk.room.available_permits(), 999);
}

#[test]
fn the_first_to_ask_pays() {
    let mut desk = Desk::new();
    let mut receivers = [desk.order("same"), desk.order("same"), desk.order("long text")];
    let batch = desk.backlog.cut(9, 99).unwrap();
    let vectors = batch.texts.iter().map(|text| vector_of(text)).collect();
    desk.backlog.deliver(batch, vectors, 13);
    let tokens = receivers
        .each_mut()
        .map(|receiver| receiver.try_recv().unwrap().unwrap().tokens);
    assert_eq!(tokens, [4, 0, 9]);
    assert_eq!(desk.room.available_permits(), 1_000);
}

/// What can happen to a desk.
#[derive(Clone, Debug)]
enum Step {
    Order(u8),
    Leave(usize),
    Cut {
        texts: usize,
        tokens: u64,
    },
    /// Answers, halves or fails one of the batches that are out.
    Deliver(usize),
    Halve(usize),
    Fail(usize),
    Prune(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let any_index = 0..64_usize;
    prop_oneof![
        4 => (0..12_u8).prop_map(Step::Order),
        1 => any_index.clone().prop_map(Step::Leave),
        2 => (1..6_usize, 1..8_u64).prop_map(|(texts, tokens)| Step::Cut { texts, tokens }),
        2 => any_index.clone().prop_map(Step::Deliver),
        1 => any_index.clone().prop_map(Step::Halve),
        1 => any_index.clone().prop_map(Step::Fail),
        1 => any_index.prop_map(Step::Prune),
    ]
}

fn text_of(number: u8) -> String {
    format!("{number}").repeat(usize::from(number) + 1)
}

proptest! {
    /// However texts are batched, halved, shared and abandoned, each caller who stays gets its own vector or a failure, no
    /// text is out twice, and all room is given back.
    #[test]
    fn everybody_gets_exactly_what_they_asked_for(steps in prop::collection::vec(step(), 1..80)) {
        let mut desk = Desk::new();
        let mut callers: Vec<(String, Receiver)> = Vec::new();
        let mut out: Vec<Batch> = Vec::new();
        for step in steps {
            match step {
                Step::Order(number) => {
                    let text = text_of(number);
                    let receiver = desk.order(&text);
                    callers.push((text, receiver));
                }
                Step::Leave(index) if !callers.is_empty() => {
                    let index = index % callers.len();
                    callers.swap_remove(index);
                }
                Step::Cut { texts, tokens } => {
                    if let Some(batch) = desk.backlog.cut(texts, tokens) {
                        prop_assert!(batch.texts.len() <= texts && !batch.texts.is_empty());
                        let sum = batch.texts.iter().map(|text| estimate_tokens(text)).sum::<u64>();
                        prop_assert!(sum <= tokens || batch.texts.len() == 1);
                        out.push(batch);
                    }
                }
                Step::Deliver(index) if !out.is_empty() => {
                    let index = index % out.len();
                    let batch = out.swap_remove(index);
                    let vectors = batch.texts.iter().map(|text| vector_of(text)).collect();
                    desk.backlog.deliver(batch, vectors, 100);
                }
                Step::Halve(index) if !out.is_empty() => {
                    let index = index % out.len();
                    match out.swap_remove(index).halves() {
                        Ok(halves) => out.extend(halves),
                        Err(single) => out.push(single),
                    }
                }
                Step::Fail(index) if !out.is_empty() => {
                    let index = index % out.len();
                    let batch = out.swap_remove(index);
                    desk.backlog.fail(batch, &Failure::permanent("no", ""));
                }
                Step::Prune(index) if !out.is_empty() => {
                    desk.backlog.prune_queue();
                    let index = index % out.len();
                    desk.backlog.prune(&mut out[index]);
                }
                Step::Leave(_) | Step::Deliver(_) | Step::Halve(_) | Step::Fail(_) | Step::Prune(_) => {}
            }
            let mut all: Vec<_> = out.iter().flat_map(|batch| &batch.texts).chain(&desk.backlog.queue).collect();
            let count = all.len();
            all.sort();
            all.dedup();
            prop_assert_eq!(all.len(), count, "a text is in two places");
        }
        while let Some(batch) = desk.backlog.cut(3, 9) {
            out.push(batch);
        }
        for batch in out {
            let vectors = batch.texts.iter().map(|text| vector_of(text)).collect();
            desk.backlog.deliver(batch, vectors, 100);
        }
        for (text, mut receiver) in callers {
            if let Ok(piece) = receiver.try_recv().expect("an answer") {
                prop_assert_eq!(piece.vector, vector_of(&text));
            }
        }
        prop_assert!(desk.backlog.wanted.is_empty());
        prop_assert_eq!(desk.room.available_permits(), 1_000);
    }

    #[test]
    fn shares_add_up(lengths in prop::collection::vec(1..2_000_usize, 1..50), tokens in 0..1_000_000_u64) {
        let texts: Vec<Arc<str>> = lengths.iter().map(|length| "x".repeat(*length).into()).collect();
        prop_assert_eq!(shares(&texts, tokens).iter().sum::<u64>(), tokens);
    }
}
