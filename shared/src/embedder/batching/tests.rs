use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use proptest::prelude::*;

use super::*;

/// Answers with the text's bytes, refuses what it is told to, and can be held.
struct Fake {
    poison: HashSet<String>,
    requests: Mutex<Vec<Vec<String>>>,
    /// A permit for each request that may be answered.
    gate: Semaphore,
}

impl Fake {
    fn new(poison: impl IntoIterator<Item = String>, open: usize) -> Arc<Self> {
        let poison = poison.into_iter().collect();
        Arc::new(Self {
            poison,
            requests: Mutex::default(),
            gate: Semaphore::new(open),
        })
    }

    fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().clone()
    }
}

const OPEN: usize = 1_000_000;

#[async_trait]
impl Embedder for Fake {
    fn model(&self) -> &str {
        "fake"
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        self.requests.lock().unwrap().push(texts.to_vec());
        self.gate.acquire().await.unwrap().forget();
        if texts.iter().any(|text| text == "panic") {
            panic!("a planted defect");
        }
        if texts.iter().any(|text| self.poison.contains(text)) {
            return Err(Failure::permanent(codes::TEXT_REFUSED, "poison"));
        }
        let vectors = texts.iter().map(|text| vector_of(text)).collect();
        Ok(Embedded {
            vectors,
            tokens: texts.len() as u64,
        })
    }
}

fn vector_of(text: &str) -> Vec<f32> {
    text.bytes().map(f32::from).collect()
}

fn settings(texts: usize, in_flight: usize) -> BatchSettings {
    let retry = RetryPolicy {
        initial: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    BatchSettings {
        texts,
        tokens: 1_000_000,
        in_flight,
        retry,
    }
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Waits for a condition, which the task brings about without further help.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap_or_else(|_| panic!("{what} never came true"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However many callers there are, and whatever is poison, a caller fails exactly when it brought poison, and else
    /// has its own vectors.
    #[test]
    fn poison_harms_nobody_else(
        calls in prop::collection::vec(prop::collection::vec(0..40_u8, 1..12), 1..12),
        poison in prop::collection::hash_set(0..40_u8, 0..6),
        batch in 1..16_usize,
        in_flight in 1..5_usize,
    ) {
        let name = |number: u8| format!("text {number}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = Fake::new(poison.iter().map(|number| name(*number)), OPEN);
            let tasks = Tasks::new();
            let batcher = Batcher::start(fake.clone(), settings(batch, in_flight), &tasks);
            let answers = join_all(calls.iter().map(|call| {
                let batcher = batcher.clone();
                let texts: Vec<_> = call.iter().map(|number| name(*number)).collect();
                async move { (batcher.embed(&texts).await, texts) }
            }))
            .await;
            for ((answer, texts), call) in answers.into_iter().zip(&calls) {
                match answer {
                    Ok(embedded) => {
                        prop_assert!(call.iter().all(|number| !poison.contains(number)));
                        let expected: Vec<_> = texts.iter().map(|text| vector_of(text)).collect();
                        prop_assert_eq!(embedded.vectors, expected);
                    }
                    Err(failure) => {
                        prop_assert!(call.iter().any(|number| poison.contains(number)));
                        prop_assert_eq!(failure.code, codes::TEXT_REFUSED);
                    }
                }
            }
            for request in fake.requests() {
                prop_assert!(request.len() <= batch);
            }
            drop(batcher);
            prop_assert!(tasks.drain(Duration::from_secs(10)).await, "the task did not end");
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn texts_that_come_while_all_places_are_taken_go_together() {
    let fake = Fake::new([], 0);
    let tasks = Tasks::new();
    let batcher = Batcher::start(fake.clone(), settings(10, 1), &tasks);
    let call = |name: &'static str| {
        let batcher = batcher.clone();
        tasks.spawn(async move { batcher.embed(&texts(&[name, "common"])).await })
    };
    let first = call("first");
    eventually("the first request", || fake.requests().len() == 1).await;
    let others = [call("second"), call("third"), call("fourth")];
    eventually("all of them queued", || batcher.counts().queued == 3).await;
    fake.gate.add_permits(2);
    assert_eq!(
        first.await.unwrap().unwrap().vectors,
        [vector_of("first"), vector_of("common")]
    );
    let mut tokens = 0;
    for (other, name) in others.into_iter().zip(["second", "third", "fourth"]) {
        let embedded = other.await.unwrap().unwrap();
        assert_eq!(embedded.vectors, [vector_of(name), vector_of("common")]);
        tokens += embedded.tokens;
    }
    let requests = fake.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], ["first", "common"]);
    assert_eq!(
        requests[1].iter().collect::<HashSet<_>>().len(),
        3,
        "the common text was under way already"
    );
    assert_eq!((tokens, batcher.counts().shared_texts), (3, 3));
}

#[tokio::test]
async fn callers_wait_for_room() {
    let fake = Fake::new([], 0);
    let tasks = Tasks::new();
    let batcher = Batcher::start(fake.clone(), settings(5, 2), &tasks);
    let callers: Vec<_> = (0..20)
        .map(|caller| {
            let batcher = batcher.clone();
            let texts: Vec<_> = (0..25).map(|number| format!("{caller} {number}")).collect();
            tasks.spawn(async move { batcher.embed(&texts).await.map(|embedded| embedded.vectors.len()) })
        })
        .collect();
    let held = || batcher.counts().queued + 5 * batcher.counts().in_flight;
    eventually("no more room", || {
        batcher.room.available_permits() == 0 && held() == 20
    })
    .await;
    assert_eq!(fake.requests().len(), 2);
    fake.gate.add_permits(OPEN);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Ok(25));
    }
    assert_eq!(batcher.room.available_permits(), 20);
}

#[tokio::test]
async fn callers_who_leave_take_their_unsent_texts_along() {
    let fake = Fake::new([], 0);
    let tasks = Tasks::new();
    let batcher = Batcher::start(fake.clone(), settings(2, 1), &tasks);
    let call = |names: &'static [&'static str]| {
        let batcher = batcher.clone();
        tasks.spawn(async move { batcher.embed(&texts(names)).await })
    };
    let sent = call(&["a", "b"]);
    eventually("the first request", || fake.requests().len() == 1).await;
    let leaver = call(&["c", "d"]);
    eventually("queued", || batcher.counts().queued == 2).await;
    leaver.abort();
    sent.abort();
    eventually("its room is given back while the provider hangs", || {
        batcher.room.available_permits() == 2
    })
    .await;
    let stays = call(&["b", "e"]);
    eventually("queued", || batcher.counts().queued == 1).await;
    fake.gate.add_permits(OPEN);
    assert_eq!(
        stays.await.unwrap().unwrap().vectors,
        [vector_of("b"), vector_of("e")]
    );
    assert_eq!(
        fake.requests(),
        [texts(&["a", "b"]), texts(&["e"])],
        "what was sent for a caller who left is of use"
    );
}

#[tokio::test]
async fn a_defect_in_a_request_does_not_end_the_task() {
    let fake = Fake::new([], OPEN);
    let tasks = Tasks::new();
    let batcher = Batcher::start(fake.clone(), settings(2, 1), &tasks);
    assert_eq!(
        batcher.embed(&texts(&["panic"])).await.unwrap_err().code,
        codes::BAD_REPLY
    );
    assert!(batcher.embed(&texts(&["a"])).await.is_ok());
}

#[tokio::test]
async fn a_stop_finishes_what_was_accepted() {
    let fake = Fake::new([], 0);
    let tasks = Tasks::new();
    let callers = Tasks::new();
    let batcher = Batcher::start(fake.clone(), settings(1, 1), &tasks);
    let caller = batcher.clone();
    let accepted = callers.spawn(async move { caller.embed(&texts(&["a", "b"])).await });
    eventually("one under way, one queued", || {
        batcher.counts().queued == 1 && fake.requests().len() == 1
    })
    .await;
    tasks.stop();
    fake.gate.add_permits(OPEN);
    assert!(accepted.await.unwrap().is_ok());
    assert!(tasks.drain(Duration::from_secs(10)).await);
    assert_eq!(
        batcher.embed(&texts(&["c"])).await.unwrap_err().code,
        codes::STOPPED
    );
}
