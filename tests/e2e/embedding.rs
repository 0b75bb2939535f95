//! Embedding through the front door: real HTTP, against a server that misbehaves on demand.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use shared::embedder::batching::{BatchSettings, Batcher};
use shared::embedder::codes;
use shared::embedder::openai::{EmbeddingSettings, OpenAiEmbedder};
use shared::embedder::{Embedded, Embedder};
use shared::retry::FailureClass::{Permanent, Throttled, Transient};
use shared::retry::{Failure, RetryPolicy};
use shared::secret::Secret;
use shared::shutdown::Tasks;
use tests::embedding_server::EmbeddingServer;
use tests::embedding_server::faults::Fault;
use tests::embedding_server::vectors::Writer;

/// Numbers in the server's vectors.
const DIMENSIONS: usize = 8;

fn settings(server: &EmbeddingServer) -> EmbeddingSettings {
    EmbeddingSettings::new(server.url(), "test")
}

fn embedder(server: &EmbeddingServer) -> OpenAiEmbedder {
    OpenAiEmbedder::new(settings(server)).expect("settings that can work")
}

fn batcher(server: &EmbeddingServer, tasks: &Tasks, change: impl FnOnce(&mut BatchSettings)) -> Batcher {
    let embedder = embedder(server);
    let mut settings = BatchSettings::from(embedder.settings());
    settings.retry.initial = Duration::from_millis(1);
    change(&mut settings);
    Batcher::start(Arc::new(embedder), settings, tasks)
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn vectors(texts: &[String]) -> Vec<Vec<f32>> {
    texts
        .iter()
        .map(|text| Writer::new(DIMENSIONS).vector(text))
        .collect()
}

fn status(status: u16, message: &str) -> Fault {
    Fault::Status {
        status,
        message: message.to_owned(),
    }
}

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

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts() {
    let server = EmbeddingServer::start().await;
    let embedder = embedder(&server);
    assert_eq!(embedder.probe().await, Ok(DIMENSIONS));
    server.reset();
    let texts = texts(&["one", "two", "three, which is longer"]);
    for reverse in [false, true] {
        server.set(|faults| faults.reverse = reverse);
        let expected = Embedded {
            vectors: vectors(&texts),
            tokens: 8,
        };
        assert_eq!(embedder.embed(&texts).await, Ok(expected));
    }
    assert_eq!(server.counts().tokens, 16);
    assert_eq!(
        embedder.embed(&[]).await,
        Ok(Embedded {
            vectors: vec![],
            tokens: 0
        })
    );
    assert_eq!(server.counts().requests, 2, "nothing to embed is no request");
}

#[tokio::test]
async fn servers_without_base64_answer_floats() {
    let server = EmbeddingServer::start().await;
    let texts = texts(&["one", "two"]);
    server.set(|faults| faults.ignore_base64 = true);
    assert_eq!(
        embedder(&server).embed(&texts).await.unwrap().vectors,
        vectors(&texts)
    );
    assert_eq!(server.counts().requests, 1, "ignoring it costs nothing");

    server.set(|faults| (faults.ignore_base64, faults.refuse_base64) = (false, true));
    server.reset();
    let embedder = embedder(&server);
    for _ in 0..3 {
        assert_eq!(embedder.embed(&texts).await.unwrap().vectors, vectors(&texts));
    }
    assert_eq!(server.counts().requests, 4, "refused once, and remembered");
}

#[tokio::test]
async fn a_text_about_base64_does_not_turn_it_off() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| faults.refuse_marker = Some("base64".to_owned()));
    let embedder = embedder(&server);
    assert_eq!(
        embedder.embed(&texts(&["on base64"])).await.unwrap_err().code,
        codes::TEXT_REFUSED
    );
    server.reset();
    server.set(|faults| faults.refuse_base64 = true);
    embedder.embed(&texts(&["other"])).await.unwrap();
    assert_eq!(server.counts().requests, 2, "base64 is asked for again");
}

#[tokio::test]
async fn every_trouble_has_its_failure() {
    let server = EmbeddingServer::start().await;
    let embedder = embedder(&server);
    embedder.probe().await.unwrap();
    let troubles = [
        (status(401, "no"), Throttled, codes::REFUSED_KEY),
        (status(403, "no"), Throttled, codes::REFUSED_KEY),
        (status(404, "model not found"), Throttled, codes::MODEL_UNKNOWN),
        (
            Fault::Throttle {
                retry_after: Some(7.0),
            },
            Throttled,
            codes::THROTTLED,
        ),
        (status(500, "oops"), Throttled, codes::UNAVAILABLE),
        (status(503, "overloaded"), Throttled, codes::UNAVAILABLE),
        (status(307, ""), Throttled, codes::MISCONFIGURED),
        (
            status(400, "maximum context length is 8192 tokens"),
            Permanent,
            codes::TEXT_REFUSED,
        ),
        (status(413, "too large"), Permanent, codes::TEXT_REFUSED),
        (Fault::BreakOff, Throttled, codes::UNAVAILABLE),
        (Fault::MalformedJson, Transient, codes::BAD_REPLY),
        (Fault::WrongCount, Transient, codes::BAD_REPLY),
        (Fault::WrongSize, Transient, codes::BAD_REPLY),
        (Fault::NotANumber, Transient, codes::BAD_REPLY),
        (Fault::RepeatedIndex, Transient, codes::BAD_REPLY),
    ];
    let texts = texts(&["one", "two"]);
    for (fault, class, code) in troubles {
        let requests = server.counts().requests;
        server.fail_next(1, fault.clone());
        let failure = embedder.embed(&texts).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.code.as_str()),
            (class, code),
            "{fault:?}: {failure}"
        );
        let asked = matches!(fault, Fault::Throttle { .. }).then_some(Duration::from_secs(7));
        assert_eq!(failure.retry_after, asked, "{fault:?}");
        assert_eq!(
            server.counts().requests,
            requests + 1,
            "{fault:?} was tried again out of our sight"
        );
        assert!(
            embedder.embed(&texts).await.is_ok(),
            "nothing is left of {fault:?}"
        );
    }
}

#[tokio::test]
async fn silence_and_absence_are_unavailable() {
    let server = EmbeddingServer::start().await;
    let impatient = EmbeddingSettings {
        timeout: Duration::from_millis(200),
        ..settings(&server)
    };
    let embedder = OpenAiEmbedder::new(impatient).unwrap();
    server.fail_next(1, Fault::Hang);
    let failure = embedder.probe().await.unwrap_err();
    assert_eq!(
        (failure.class, failure.code.as_str()),
        (Throttled, codes::UNAVAILABLE)
    );
    assert!(failure.message.contains("0.2 s"), "{failure}");

    server.set(|faults| faults.down = true);
    assert_eq!(embedder.probe().await.unwrap_err().code, codes::UNAVAILABLE);
    server.set(|faults| faults.down = false);
    assert_eq!(embedder.probe().await, Ok(DIMENSIONS));

    let settings = settings(&server);
    drop(server);
    let embedder = OpenAiEmbedder::new(settings).unwrap();
    let mut last = Ok(0);
    // The port is closed a moment after the server is dropped.
    for _ in 0..1_000 {
        last = embedder.probe().await;
        if last.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(last.unwrap_err().code, codes::UNAVAILABLE);
}

#[tokio::test]
async fn keys_are_sent_and_never_shown() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| faults.key = Some("sk-right".to_owned()));
    let with = |key: Option<&str>| {
        let settings = EmbeddingSettings {
            api_key: key.map(Secret::new),
            ..settings(&server)
        };
        OpenAiEmbedder::new(settings).unwrap()
    };
    assert_eq!(with(Some("sk-right")).probe().await, Ok(DIMENSIONS));
    let refused = with(Some("sk-wrong")).probe().await.unwrap_err();
    assert!(
        refused.message.contains("EMBEDDING_API_KEY") && !refused.to_string().contains("sk-"),
        "{refused}"
    );
    assert_eq!(with(None).probe().await.unwrap_err().code, codes::REFUSED_KEY);
    assert_eq!(server.records().last().unwrap().key, None, "no key, no header");
    server.fail_next(1, status(400, "strange token sk-right given"));
    let echoed = with(Some("sk-right")).embed(&texts(&["one"])).await.unwrap_err();
    assert!(!echoed.to_string().contains("sk-right"), "{echoed}");
}

#[tokio::test]
async fn texts_are_not_quoted_back() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| faults.refuse_marker = Some("salary".to_owned()));
    let text = texts(&["the salary of the director is a secret"]);
    let failure = embedder(&server).embed(&text).await.unwrap_err();
    assert!(!failure.to_string().contains("salary"), "{failure}");
}

#[tokio::test]
async fn azure_has_its_own_address_and_header() {
    let server = EmbeddingServer::start().await;
    let settings = EmbeddingSettings {
        base_url: server.origin(),
        model: "small".to_owned(),
        api_key: Some(Secret::new("azure-key")),
        azure_api_version: Some("2024-10-21".to_owned()),
        ..settings(&server)
    };
    assert_eq!(
        OpenAiEmbedder::new(settings).unwrap().probe().await,
        Ok(DIMENSIONS)
    );
    let record = server.records().remove(0);
    assert_eq!(
        record.path,
        "/openai/deployments/small/embeddings?api-version=2024-10-21"
    );
    assert_eq!(record.key.as_deref(), Some("azure-key"));
}

#[tokio::test]
async fn a_probe_explains_wrong_settings() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| faults.model = Some("other".to_owned()));
    let unknown = embedder(&server).probe().await.unwrap_err();
    assert!(unknown.message.contains("EMBEDDING_MODEL"), "{unknown}");
    server.set(|faults| faults.model = None);
    let settings = EmbeddingSettings {
        dimensions: Some(DIMENSIONS as u32 / 2),
        ..settings(&server)
    };
    let unsupported = OpenAiEmbedder::new(settings).unwrap().probe().await.unwrap_err();
    assert_eq!(unsupported.code, codes::MISCONFIGURED);
    assert!(
        unsupported.message.contains("EMBEDDING_DIMENSIONS"),
        "{unsupported}"
    );
}

#[tokio::test]
async fn requests_mix_the_texts_of_many_callers() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| faults.latency_ms = 50);
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |settings| {
        (settings.texts, settings.in_flight) = (100, 1)
    });
    let answers = join_all((0..100).map(|file| {
        let batcher = batcher.clone();
        let texts: Vec<_> = (0..5).map(|chunk| format!("file {file} chunk {chunk}")).collect();
        async move { (batcher.embed(&texts).await, texts) }
    }))
    .await;
    let mut tokens = 0;
    for (answer, texts) in answers {
        let embedded = answer.unwrap();
        assert_eq!(embedded.vectors, vectors(&texts));
        tokens += embedded.tokens;
    }
    let counts = server.counts();
    assert!(counts.requests <= 7, "{counts:?}");
    assert_eq!((counts.texts, counts.repeated, counts.tokens), (500, 0, tokens));
}

#[tokio::test]
async fn equal_texts_are_embedded_once() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| faults.latency_ms = 50);
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |_| {});
    let same = texts(&["licence", "licence", "header"]);
    for answer in join_all((0..20).map(|_| batcher.embed(&same))).await {
        assert_eq!(answer.unwrap().vectors, vectors(&same));
    }
    assert_eq!((server.counts().texts, server.counts().repeated), (2, 0));
}

#[tokio::test]
async fn troubles_pass_without_harm() {
    let server = EmbeddingServer::start().await;
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |settings| {
        (settings.texts, settings.in_flight) = (4, 3)
    });
    server.fail_next(1, Fault::Throttle { retry_after: None });
    server.fail_next(1, status(500, "oops"));
    server.fail_next(1, Fault::MalformedJson);
    server.fail_next(1, Fault::WrongCount);
    server.fail_next(1, Fault::BreakOff);
    let texts: Vec<_> = (0..40).map(|number| format!("text {number}")).collect();
    assert_eq!(batcher.embed(&texts).await.unwrap().vectors, vectors(&texts));
    let counts = batcher.counts();
    assert_eq!(
        (counts.retries, counts.throttles, counts.texts, counts.queued),
        (5, 3, 40, 0)
    );
    assert_eq!(server.counts().requests, counts.requests);
}

#[tokio::test]
async fn a_poison_text_fails_alone() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| {
        faults.latency_ms = 30;
        faults.refuse_marker = Some("poison".to_owned());
    });
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |settings| settings.in_flight = 1);
    let names: Vec<_> = (0..64)
        .map(|n| {
            if n == 37 {
                "poison".to_owned()
            } else {
                format!("text {n}")
            }
        })
        .collect();
    let answers = join_all(names.iter().map(|name| batcher.embed(std::slice::from_ref(name)))).await;
    for (name, answer) in names.iter().zip(answers) {
        match answer {
            Ok(embedded) => assert_eq!(embedded.vectors, vectors(std::slice::from_ref(name))),
            Err(failure) => assert_eq!((name.as_str(), failure.class), ("poison", Permanent)),
        }
    }
    assert_eq!(server.counts().texts, 63);
    assert_eq!(server.counts().repeated, 0);
    assert!(server.counts().requests < 20, "{:?}", server.counts());
}

#[tokio::test]
async fn a_server_that_takes_fewer_texts_still_serves() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| faults.max_texts = Some(8));
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |_| {});
    let texts: Vec<_> = (0..64).map(|number| format!("text {number}")).collect();
    assert_eq!(batcher.embed(&texts).await.unwrap().vectors, vectors(&texts));
}

#[tokio::test]
async fn everybody_waits_as_long_as_the_server_asks() {
    let server = EmbeddingServer::start().await;
    let asked = 0.3;
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |settings| {
        (settings.texts, settings.in_flight) = (1, 4)
    });
    server.fail_next(
        1,
        Fault::Throttle {
            retry_after: Some(asked),
        },
    );
    let first = texts(&["first"]);
    let (answer, ()) = tokio::join!(batcher.embed(&first), async {
        eventually("the refusal", || batcher.counts().throttles == 1).await;
        assert_eq!(batcher.counts().limit, 2, "halved");
        batcher.embed(&texts(&["late"])).await.unwrap();
    });
    answer.unwrap();
    let records = server.records();
    let refused = records[0].at;
    assert_eq!(records.len(), 3);
    for record in &records[1..] {
        let waited = record.at - refused;
        assert!(
            waited >= Duration::from_secs_f64(asked),
            "{:?} came after {waited:?}",
            record.texts
        );
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_handed_up() {
    let server = EmbeddingServer::start().await;
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |settings| {
        settings.retry = RetryPolicy::default()
    });
    server.fail_next(
        1,
        Fault::Throttle {
            retry_after: Some(3_600.0),
        },
    );
    let failure = batcher.embed(&texts(&["one"])).await.unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(3_600)));
    assert!(batcher.embed(&texts(&["two"])).await.is_ok(), "others may try");
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| faults.key = Some("other".to_owned()));
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |_| {});
    let Failure { code, class, .. } = batcher.embed(&texts(&["one"])).await.unwrap_err();
    assert_eq!((code.as_str(), class), (codes::REFUSED_KEY, Throttled));
    assert_eq!(server.counts().requests, 1);
}

#[tokio::test]
async fn concurrency_settles_at_what_the_server_takes() {
    let server = EmbeddingServer::start().await;
    server.set(|faults| {
        faults.latency_ms = 2;
        faults.max_in_flight = Some(3);
    });
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |settings| {
        (settings.texts, settings.in_flight) = (1, 16);
        settings.retry.max_attempts = 50;
    });
    let texts: Vec<_> = (0..300).map(|number| format!("text {number}")).collect();
    assert_eq!(batcher.embed(&texts).await.unwrap().vectors, vectors(&texts));
    assert!(batcher.counts().limit <= 6, "{:?}", batcher.counts());
    assert_eq!(server.counts().repeated, 0);
}

#[tokio::test]
async fn callers_who_leave_cost_nothing_more() {
    let server = EmbeddingServer::start().await;
    let tasks = Tasks::new();
    let batcher = batcher(&server, &tasks, |settings| {
        (settings.texts, settings.in_flight) = (2, 1)
    });
    server.fail_next(1, Fault::Hang);
    let leaver = {
        let batcher = batcher.clone();
        let texts: Vec<_> = (0..6).map(|number| format!("unwanted {number}")).collect();
        tasks.spawn(async move { batcher.embed(&texts).await })
    };
    eventually("the request that hangs", || server.counts().requests == 1).await;
    eventually("the rest queued", || batcher.counts().queued == 2).await;
    leaver.abort();
    eventually("nothing queued", || batcher.counts().queued == 0).await;
    assert_eq!(server.counts().texts, 0);
}

#[tokio::test]
async fn a_server_is_controlled_over_http() {
    let server = EmbeddingServer::start().await;
    let http = reqwest::Client::new();
    let at = |path: &str| format!("{}/{path}", server.origin());
    let faults = r#"{"next":[{"kind":"throttle","retry_after":1.5}],"latency_ms":0}"#;
    let json = ("content-type", "application/json");
    let set = http
        .post(at("faults"))
        .header(json.0, json.1)
        .body(faults)
        .send()
        .await
        .unwrap();
    assert!(set.status().is_success());
    let throttled = embedder(&server).probe().await.unwrap_err();
    assert_eq!(throttled.retry_after, Some(Duration::from_millis(1_500)));
    embedder(&server).probe().await.unwrap();
    embedder(&server).probe().await.unwrap();
    let counts: serde_json::Value = serde_json::from_slice(
        &http
            .get(at("counts"))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        (&counts["requests"], &counts["texts"], &counts["repeated"]),
        (&3.into(), &2.into(), &1.into())
    );
    assert!(http.post(at("reset")).send().await.unwrap().status().is_success());
    assert_eq!(server.counts().requests, 0);
}
