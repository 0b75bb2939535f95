use shared::blob_path::BlobPath;
use shared::ids::{FileId, IndexId};
use shared::ledger::Hold;
use shared::retry::FailureClass;

use super::*;

const PIPELINE: &str = "p1";

fn claim() -> Claim {
    let index = IndexId::new("docs").unwrap();
    let path = BlobPath::new("a.md").unwrap();
    Claim {
        hold: Hold {
            file_id: FileId::of(&index, &path),
            index,
            claim_id: ClaimId::generate(),
            fence: 1,
        },
        path,
        seq: 1,
        attempts: 1,
        failure_count: 0,
        dirty: false,
        live_claim: None,
        prev_claim: None,
        version: None,
        renamed_from: None,
        enqueued_at: 0,
        run: None,
        again: false,
        revision: 1,
        last_error: None,
        failed_etag: None,
    }
}

fn version(etag: &str) -> Version {
    Version {
        etag: etag.to_owned(),
        content_hash: "h1".to_owned(),
        pipeline: PIPELINE.to_owned(),
        size: 3,
        chunks: 1,
        missing: Vec::new(),
    }
}

fn indexed(etag: &str) -> Claim {
    Claim {
        live_claim: Some(ClaimId::generate()),
        version: Some(version(etag)),
        ..claim()
    }
}

fn meta(etag: &str) -> BlobMeta {
    BlobMeta {
        path: BlobPath::new("a.md").unwrap(),
        etag: etag.to_owned(),
        identity: None,
        size: 3,
        modified: 0,
        content_type: None,
        metadata: std::collections::BTreeMap::new(),
    }
}

#[test]
fn an_unfinished_clean_up_comes_before_anything_else() {
    let previous = ClaimId::generate();
    let claim = Claim {
        dirty: true,
        prev_claim: Some(previous),
        ..indexed("e1")
    };
    assert_eq!(
        decide(&claim, Ok(meta("e2")), PIPELINE, 10),
        Session::CleanUp(Some(previous))
    );
    assert_eq!(
        decide(&claim, Err(BlobError::NotFound), PIPELINE, 10),
        Session::CleanUp(Some(previous))
    );
}

#[test]
fn same_tag_and_settings_keep_the_version() {
    let kept = Session::Commit(CommitChange::Keep(version("e1")));
    assert_eq!(decide(&indexed("e1"), Ok(meta("e1")), PIPELINE, 10), kept);
}

#[test]
fn a_new_tag_new_settings_or_no_live_version_are_processed() {
    for (claim, etag, pipeline) in [
        (indexed("e1"), "e2", PIPELINE),
        (indexed("e1"), "e1", "p2"),
        (claim(), "e1", PIPELINE),
    ] {
        assert_eq!(
            decide(&claim, Ok(meta(etag)), pipeline, 10),
            Session::Process(meta(etag))
        );
    }
    let skipped_before = Claim {
        version: Some(version("e1")),
        ..claim()
    };
    assert_eq!(
        decide(&skipped_before, Ok(meta("e1")), PIPELINE, 10),
        Session::Process(meta("e1"))
    );
}

#[test]
fn what_the_source_says_decides() {
    let outcome = |head| match decide(&claim(), head, PIPELINE, 2) {
        Session::Commit(CommitChange::Remove) => "remove".to_owned(),
        Session::Commit(CommitChange::Skip(version, failure)) => {
            format!("skip {} {}", failure.code, version.etag)
        }
        Session::Fail(failure, tag) => format!("{:?} {} {tag:?}", failure.class, failure.code),
        other => format!("{other:?}"),
    };
    let link = BlobError::NotABlob {
        code: "broken_link",
        message: String::new(),
    };
    assert_eq!(outcome(Err(BlobError::NotFound)), "remove");
    assert_eq!(outcome(Ok(meta("e1"))), "skip too_large e1");
    assert_eq!(outcome(Err(link)), "skip broken_link !broken_link");
    assert_eq!(
        outcome(Err(BlobError::Denied("no".into()))),
        "Permanent unreadable Some(\"!denied\")"
    );
    assert_eq!(
        outcome(Err(BlobError::Changed)),
        "Throttled changed_while_read None"
    );
    assert_eq!(
        outcome(Err(BlobError::Unavailable("x".into()))),
        "Throttled source_unavailable None"
    );
}

#[test]
fn a_touched_file_keeps_its_version_under_the_new_tag() {
    assert_eq!(
        same_content(&indexed("e1"), &meta("e2"), "h1", PIPELINE),
        Some(version("e2"))
    );
    assert_eq!(same_content(&indexed("e1"), &meta("e2"), "h2", PIPELINE), None);
    assert_eq!(same_content(&indexed("e1"), &meta("e2"), "h1", "p2"), None);
    let skipped_before = Claim {
        version: Some(version("e1")),
        ..claim()
    };
    assert_eq!(same_content(&skipped_before, &meta("e2"), "h1", PIPELINE), None);
}

#[test]
fn reading_trouble_is_never_charged_unless_the_content_is_at_fault() {
    for error in [
        BlobError::Changed,
        BlobError::NotFound,
        BlobError::Unavailable("x".into()),
    ] {
        assert_eq!(read_failure(&error).0.class, FailureClass::Throttled, "{error}");
    }
}
