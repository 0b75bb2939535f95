use shared::blobs::BlobMeta;

use super::*;

const PIPELINE: &str = "p1-s1";

fn path(text: &str) -> BlobPath {
    BlobPath::new(text).unwrap()
}

/// A listed file: name, identity and change stamp.
fn there(name: &str, identity: &str, stamp: u32) -> Listed {
    let etag = format!("{identity}-{stamp}");
    let meta = BlobMeta {
        path: path(name),
        etag,
        identity: Some(identity.to_owned()),
        size: 1,
        modified: 0,
        content_type: None,
        metadata: std::collections::BTreeMap::new(),
    };
    Listed {
        path: path(name),
        meta: Ok(meta),
    }
}

fn broken(name: &str, error: BlobError) -> Listed {
    Listed {
        path: path(name),
        meta: Err(error),
    }
}

fn row(name: &str, state: FileState, etag: &str) -> KnownFile {
    KnownFile {
        path: path(name),
        state,
        etag: Some(etag.to_owned()),
        pipeline: Some(PIPELINE.to_owned()),
        kept: false,
        shown: true,
        rests: false,
    }
}

fn policy() -> Policy {
    Policy {
        stamp: "s1".to_owned(),
        ..Policy::default()
    }
}

fn planned(listed: &[Listed], known: &[KnownFile]) -> Plan {
    plan(
        listed,
        known,
        Some(PIPELINE),
        known.len(),
        &policy(),
        Lane::Bulk,
        "scan",
    )
}

/// `+new`, `old>new`, `~edited or removed`, in order.
fn words(plan: &Plan) -> Vec<String> {
    plan.changes
        .iter()
        .map(|change| match &change.renamed_from {
            Some(from) => format!("{from}>{}", change.path),
            None => format!("{}{}", if change.hold { "held " } else { "" }, change.path),
        })
        .collect()
}

#[test]
fn nothing_changed_nothing_enqueued() {
    let plan = planned(&[there("a", "i1", 1)], &[row("a", FileState::Indexed, "i1-1")]);
    assert_eq!(
        plan,
        Plan {
            unchanged: 1,
            current: 1,
            ..Plan::default()
        }
    );
}

#[test]
fn additions_edits_and_removals() {
    let plan = planned(
        &[
            there("new", "i9", 1),
            there("edited", "i2", 2),
            there("same", "i3", 1),
        ],
        &[
            row("edited", FileState::Indexed, "i2-1"),
            row("same", FileState::Indexed, "i3-1"),
            row("gone", FileState::Indexed, "i4-1"),
        ],
    );
    assert_eq!(words(&plan), ["new", "edited", "gone"]);
    assert_eq!(
        (plan.added, plan.changed, plan.removed, plan.unchanged),
        (1, 1, 1, 1)
    );
}

#[test]
fn a_moved_file_is_a_rename_even_though_its_change_time_moved() {
    let plan = planned(
        &[there("b/x", "i1", 2)],
        &[row("a/x", FileState::Indexed, "i1-1")],
    );
    assert_eq!(words(&plan), ["a/x>b/x"]);
    assert_eq!((plan.renamed, plan.added, plan.removed), (1, 0, 0));
}

#[test]
fn one_vanished_file_explains_one_new_file_only() {
    let plan = planned(
        &[there("b", "i1", 2), there("c", "i1", 2)],
        &[row("a", FileState::Indexed, "i1-1")],
    );
    assert_eq!(words(&plan), ["a>b", "c"]);
}

#[test]
fn a_file_of_another_identity_is_no_rename() {
    let plan = planned(&[there("b", "i1", 1)], &[row("a", FileState::Indexed, "i2-1")]);
    assert_eq!(words(&plan), ["b", "a"]);
}

/// Every state, with the file there unchanged, there changed, and gone.
#[test]
fn decisions_by_state() {
    let table = [
        (FileState::Pending, [false, false, false]),
        (FileState::Processing, [false, true, true]),
        (FileState::Publishing, [false, true, true]),
        (FileState::Indexed, [false, true, true]),
        (FileState::Failed, [false, true, true]),
        (FileState::Skipped, [false, true, true]),
        (FileState::Deleted, [true, true, false]),
        (FileState::AwaitingApproval, [true, true, false]),
    ];
    for (state, expected) in table {
        let known = [row("a", state, "i1-1")];
        let same = !planned(&[there("a", "i1", 1)], &known).changes.is_empty();
        let edited = !planned(&[there("a", "i1", 2)], &known).changes.is_empty();
        let gone = !planned(&[], &known).changes.is_empty();
        assert_eq!([same, edited, gone], expected, "{state}");
    }
}

/// A shown file whose next attempt is far ahead.
fn resting(name: &str) -> KnownFile {
    KnownFile {
        rests: true,
        ..row(name, FileState::Pending, &format!("{name}-1"))
    }
}

#[test]
fn a_file_that_rests_is_woken_when_it_is_gone_and_only_then() {
    let known = [resting("rests"), row("due", FileState::Pending, "due-1")];
    let there = [there("rests", "rests", 2), there("due", "due", 2)];
    assert!(planned(&there, &known).changes.is_empty());
    let plan = planned(&[], &known);
    assert_eq!(words(&plan), ["rests"]);
    assert!(plan.changes[0].gone);
    assert_eq!((plan.removed, plan.held), (1, 0));
}

#[test]
fn a_file_that_rests_and_has_moved_is_a_rename() {
    assert_eq!(words(&planned(&[there("b", "a", 2)], &[resting("a")])), ["a>b"]);
}

#[test]
fn the_guard_counts_files_that_rest_like_others_and_leaves_out_what_was_never_shown() {
    let never_shown = |name: &str| KnownFile {
        shown: false,
        etag: None,
        ..resting(name)
    };
    let with = |resting_files: usize, waiting: usize| -> Plan {
        let mut known: Vec<_> = (0..resting_files).map(|n| resting(&format!("r{n:02}"))).collect();
        known.extend((0..waiting).map(|n| row(&format!("w{n:02}"), FileState::AwaitingApproval, "w-1")));
        // Their approval has passed, or their next attempt is near: neither asked about nor counted.
        known.extend((0..20).map(|n| row(&format!("p{n:02}"), FileState::Pending, "p-1")));
        known.extend((0..20).map(|n| never_shown(&format!("n{n:02}"))));
        planned(&[], &known)
    };
    assert_eq!((with(10, 0).removed, with(10, 0).held), (30, 0));
    assert_eq!((with(11, 0).removed, with(11, 0).held), (31, 11));
    // One that waits counts once, and is not among those that are asked for.
    assert_eq!((with(6, 4).removed, with(6, 4).held), (26, 0));
    assert_eq!((with(6, 5).removed, with(6, 5).held), (26, 6));
    let held: Vec<_> = words(&with(6, 5))
        .into_iter()
        .filter(|word| word.starts_with("held "))
        .collect();
    assert!(held.iter().all(|word| word.starts_with("held r")), "{held:?}");
}

#[test]
fn new_settings_make_indexed_and_skipped_files_again() {
    let known = [
        row("a", FileState::Indexed, "i1-1"),
        row("b", FileState::Skipped, "i2-1"),
    ];
    let listed = [there("a", "i1", 1), there("b", "i2", 1)];
    let plan = plan(&listed, &known, Some("p2-s1"), 2, &policy(), Lane::Bulk, "scan");
    assert_eq!(words(&plan), ["a", "b"]);
}

#[test]
fn a_skipped_link_is_not_reported_again_until_it_changes() {
    let link = BlobError::NotABlob {
        code: "broken_link",
        message: String::new(),
    };
    let known = [row("l", FileState::Skipped, "!broken_link")];
    assert!(planned(&[broken("l", link)], &known).changes.is_empty());
    assert_eq!(words(&planned(&[there("l", "i1", 1)], &known)), ["l"]);
}

#[test]
fn below_an_unreadable_folder_nothing_is_removed() {
    let known = [
        row("locked/a", FileState::Indexed, "i1-1"),
        row("lock", FileState::Indexed, "i2-1"),
    ];
    let plan = planned(
        &[broken("locked", BlobError::Denied("permission denied".into()))],
        &known,
    );
    assert_eq!(words(&plan), ["locked", "lock"]);
}

#[test]
fn a_mass_removal_is_held_and_a_small_one_is_not() {
    let known: Vec<_> = (0..100)
        .map(|i| row(&format!("f{i:03}"), FileState::Indexed, &format!("n{i:03}-1")))
        .collect();
    let listing = |from: usize| -> Vec<_> {
        (from..100)
            .map(|i| there(&format!("f{i:03}"), &format!("n{i:03}"), 1))
            .collect()
    };
    for (gone, held) in [(10, 0), (11, 11), (100, 100)] {
        let plan = planned(&listing(gone), &known);
        assert_eq!((plan.removed, plan.held), (gone, held));
        assert!(plan.changes.iter().all(|change| change.hold == (held > 0)));
    }
}

#[test]
fn a_trickle_of_removals_does_not_pass_below_the_guard() {
    let mut known: Vec<_> = (0..100)
        .map(|i| row(&format!("f{i:03}"), FileState::Indexed, &format!("n{i:03}-1")))
        .collect();
    for file in &mut known[..20] {
        file.state = FileState::AwaitingApproval;
    }
    let listed: Vec<_> = (21..100)
        .map(|i| there(&format!("f{i:03}"), &format!("n{i:03}"), 1))
        .collect();
    assert_eq!(planned(&listed, &known).held, 1);
}

#[test]
fn additions_are_never_held() {
    let known: Vec<_> = (0..50)
        .map(|i| row(&format!("f{i}"), FileState::Indexed, &format!("n{i}-1")))
        .collect();
    let plan = planned(&[there("new", "x", 1)], &known);
    assert_eq!(plan.held, 50);
    assert!(
        plan.changes
            .iter()
            .all(|change| change.hold == (change.path != path("new")))
    );
}

#[test]
fn what_was_kept_is_asked_about_only_when_somebody_asks() {
    let known = [KnownFile {
        kept: true,
        ..row("kept.md", FileState::Indexed, "v1")
    }];
    let policy = policy();
    let by = |reason| {
        plan(
            &[],
            &known,
            Some(PIPELINE),
            known.len(),
            &policy,
            Lane::Bulk,
            reason,
        )
    };
    let periodic = by("reconcile");
    assert_eq!((periodic.removed, periodic.kept), (0, 1));
    assert!(periodic.changes.is_empty());
    let asked = by(ASKED);
    assert_eq!((asked.removed, asked.kept), (1, 0));
}

#[test]
fn a_file_that_is_back_as_it_was_is_not_kept_any_more() {
    for (state, news) in [
        (FileState::Indexed, 1),
        (FileState::Failed, 1),
        (FileState::Pending, 0),
    ] {
        let known = KnownFile {
            kept: true,
            ..row("kept.md", state, "v-1")
        };
        let plan = planned(&[there("kept.md", "v", 1)], &[known]);
        assert_eq!((plan.changed, plan.changes.len()), (news, news), "{state}");
    }
}

/// The scope of an index that leaves drafts out.
fn without_drafts() -> Policy {
    let source = shared::blobs::source::Source::Folder("/docs".into());
    let mut settings = IndexSettings::new(source, "english");
    settings.files.exclude = vec!["drafts/**".to_owned()];
    let policy = Policy::of(&settings).unwrap();
    Policy {
        stamp: "s1".to_owned(),
        ..policy
    }
}

fn planned_without_drafts(listed: &[Listed], known: &[KnownFile], index_size: usize) -> Plan {
    plan(
        listed,
        known,
        Some(PIPELINE),
        index_size,
        &without_drafts(),
        Lane::Bulk,
        "scan",
    )
}

#[test]
fn what_the_index_leaves_out_is_taken_for_absent() {
    let listed = [
        there("drafts/new", "i1", 1),
        there("drafts/known", "i2", 1),
        there("kept", "i3", 1),
    ];
    let known = [
        row("drafts/known", FileState::Indexed, "i2-1"),
        row("kept", FileState::Indexed, "i3-1"),
    ];
    let plan = planned_without_drafts(&listed, &known, 2);
    assert_eq!(words(&plan), ["drafts/known"]);
    assert_eq!((plan.added, plan.removed, plan.unchanged), (0, 1, 1));
    // The guard counts these like vanished ones.
    let many: Vec<KnownFile> = (0..20)
        .map(|number| row(&format!("drafts/{number}"), FileState::Indexed, "i9-1"))
        .collect();
    assert_eq!(planned_without_drafts(&[], &many, 30).held, 20);
    // Removed once, they are no news; what waits for approval neither.
    let done = [row("drafts/known", FileState::AwaitingApproval, "i2-1")];
    assert!(planned_without_drafts(&listed[..2], &done, 1).changes.is_empty());
}

#[test]
fn a_folder_that_cannot_be_listed_protects_what_belongs_to_the_index_only() {
    let listed = [
        broken("drafts", BlobError::Denied("no".to_owned())),
        broken("a", BlobError::Denied("no".to_owned())),
    ];
    let known = [
        row("drafts/x", FileState::Indexed, "i1-1"),
        row("a/x", FileState::Indexed, "i2-1"),
    ];
    let plan = planned_without_drafts(&listed, &known, 2);
    assert!(words(&plan).contains(&"drafts/x".to_owned()), "{plan:?}");
    assert!(!words(&plan).contains(&"a/x".to_owned()), "{plan:?}");
}

#[test]
fn settings_of_the_index_are_left_to_a_full_run() {
    let made_with = |name: &str, pipeline: &str| KnownFile {
        pipeline: Some(pipeline.to_owned()),
        ..row(name, FileState::Indexed, "i1-1")
    };
    let known = [
        made_with("same", "p1-s1"),
        made_with("settings", "p1-s0"),
        made_with("process", "p0-s1"),
    ];
    let listed = [
        there("same", "i1", 1),
        there("settings", "i1", 1),
        there("process", "i1", 1),
    ];
    let plan = planned(&listed, &known);
    assert_eq!(words(&plan), ["process"]);
    assert_eq!((plan.current, plan.outdated), (2, 1));
}
