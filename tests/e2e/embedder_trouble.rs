//! A model that is down, slow, strange or refuses: a clear word, no file lost, nothing paid twice.

use anyhow::ensure;
use tests::embedding_server::faults::Fault;
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::model::Model;

const FILES: usize = 20;

#[test]
fn a_model_that_cannot_be_used_is_said_before_anything_is_made() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let longshore = Longshore::with_model(&format!("http://{nobody}/v1"), &[])?;
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == 1 && ran.stderr.contains("does not answer"),
        "{} {}",
        ran.code(),
        ran.stderr
    );

    let model = Model::start()?;
    model.set(|faults| faults.key = Some("right-key".to_owned()));
    let longshore = Longshore::with_model(&model.url(), &["--embedding-api-key", "wrong-key-123"])?;
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == 1 && ran.stderr.contains("EMBEDDING_API_KEY"),
        "{} {}",
        ran.code(),
        ran.stderr
    );
    ensure!(
        !ran.stderr.contains("wrong-key-123"),
        "the key must not be printed: {}",
        ran.stderr
    );
    let data: Vec<_> = std::fs::read_dir(longshore.data_dir())?.collect();
    for file in data {
        let bytes = std::fs::read(file?.path()).unwrap_or_default();
        ensure!(
            !String::from_utf8_lossy(&bytes).contains("wrong-key-123"),
            "nor stored"
        );
    }

    model.set(|faults| (faults.key, faults.model) = (None, Some("another".to_owned())));
    let longshore = Longshore::with_model(&model.url(), &[])?;
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == 1 && ran.stderr.contains("test-model"),
        "{} {}",
        ran.code(),
        ran.stderr
    );

    let half = Longshore::new(&["--embedding-base-url", "http://127.0.0.1:1/v1"])?.once(&docs)?;
    ensure!(
        half.code() == 2 && half.stderr.contains("--embedding-model"),
        "{}",
        half.stderr
    );
    Ok(())
}

#[test]
fn passing_trouble_passes() -> anyhow::Result<()> {
    let docs = Docs::with_files(FILES, 2)?;
    let model = Model::start()?;
    let longshore = Longshore::with_model(&model.url(), &["--embedding-batch-size", "4"])?;
    // The first request asks for the size of the vectors.
    model.fail_next(
        1,
        Fault::Throttle {
            retry_after: Some(0.2),
        },
    );
    longshore.once_ok(&docs)?;
    for number in 0..FILES {
        docs.write(&Docs::name(number), Docs::text(number, 2, 1))?;
    }
    for fault in [
        Fault::Throttle {
            retry_after: Some(0.3),
        },
        Fault::Status {
            status: 500,
            message: "broken".to_owned(),
        },
        Fault::BreakOff,
        Fault::MalformedJson,
        Fault::WrongCount,
        Fault::WrongSize,
        Fault::NotANumber,
        Fault::RepeatedIndex,
    ] {
        model.fail_next(1, fault);
    }
    let ran = longshore.once_ok(&docs)?;
    ensure!(
        ran.stderr
            .contains(&format!("{FILES} files indexed, 0 skipped, 0 failed")),
        "{}",
        ran.stderr
    );
    ensure!(longshore.search("topic11x0r1")? == ["part-1/doc-11.md"]);
    Ok(())
}

#[test]
fn a_text_that_the_model_refuses_fails_its_file_only() -> anyhow::Result<()> {
    let docs = Docs::with_files(FILES, 1)?;
    docs.write("cursed.md", "# Cursed\n\nKLABAUTERMANN sails here.\n")?;
    let model = Model::start()?;
    model.set(|faults| faults.refuse_marker = Some("KLABAUTERMANN".to_owned()));
    let longshore = Longshore::with_model(&model.url(), &[])?;
    let ran = longshore.once(&docs)?;
    ensure!(ran.code() == 3, "ended with {}: {}", ran.code(), ran.stderr);
    ensure!(
        ran.stderr.contains("cursed.md") && ran.stderr.contains("1 failed"),
        "{}",
        ran.stderr
    );
    let files = longshore.files()?;
    ensure!(
        files.iter().filter(|file| file.starts_with("INDEXED")).count() == FILES,
        "{files:#?}"
    );

    // It is not tried again by itself, but when somebody asks.
    model.reset();
    ensure!(
        longshore.once(&docs)?.code() == 3 && model.counts().requests == 0,
        "{:?}",
        model.counts()
    );
    model.set(|faults| faults.refuse_marker = None);
    let retry = longshore.run(&["retry"])?;
    ensure!(retry.stdout.contains("1 failed file"), "{}", retry.stdout);
    longshore.once_ok(&docs)?;
    ensure!(longshore.search("klabautermann")? == ["cursed.md"]);
    Ok(())
}

#[test]
fn a_model_that_goes_down_half_way_costs_time_only() -> anyhow::Result<()> {
    let docs = Docs::with_files(FILES, 2)?;
    let model = Model::start()?;
    let longshore = Longshore::with_model(&model.url(), &["--patience", "2"])?;
    longshore.once_ok(&docs)?;
    for number in 0..FILES {
        docs.write(&Docs::name(number), Docs::text(number, 2, 1))?;
    }
    model.set(|faults| faults.down = true);
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == 3 && ran.stderr.contains("without progress"),
        "{} {}",
        ran.code(),
        ran.stderr
    );
    ensure!(
        longshore.search("topic3x0r0")? == ["part-0/doc-3.md"],
        "the old version stays searchable"
    );
    model.set(|faults| faults.down = false);
    // Their next attempts may be further away than its patience.
    tests::wait::until("the rest to be indexed", || {
        Ok((longshore.once(&docs)?.code() == 0).then_some(()))
    })?;
    ensure!(longshore.search("topic3x0r1")? == ["part-0/doc-3.md"]);
    ensure!(longshore.search("topic3x0r0")?.is_empty());
    Ok(())
}

#[test]
fn another_model_is_refused_for_the_same_index() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let model = Model::start()?;
    let longshore = Longshore::with_model(&model.url(), &[])?;
    longshore.once_ok(&docs)?;
    let url = model.url();
    let docs_path = docs.path().to_string_lossy().into_owned();
    let ran = longshore.run(&[
        "up",
        &docs_path,
        "--once",
        "--embedding-base-url",
        &url,
        "--embedding-model",
        "other",
    ])?;
    ensure!(ran.code() == 1, "{}", ran.stderr);
    for word in ["test-model", "other", "--data-dir"] {
        ensure!(ran.stderr.contains(word), "{word} is missing in {}", ran.stderr);
    }
    Ok(())
}
