use super::*;

fn path(path: &str) -> BlobPath {
    BlobPath::new(path).unwrap()
}

fn place(container: &str) -> Source {
    Source::Azure {
        account: "contoso".to_owned(),
        container: container.to_owned(),
    }
}

fn index(name: &str, container: &str, prefix: &str) -> IndexPlace {
    IndexPlace {
        index: IndexId::new(name).unwrap(),
        place: place(container),
        scope: Arc::new(Scope::below(prefix)),
        state: IndexState::Active,
    }
}

fn event(id: &str, kind: BlobEventKind) -> BlobEvent {
    BlobEvent {
        id: id.to_owned(),
        place: place("docs"),
        kind,
        sequencer: Some("07".to_owned()),
    }
}

fn changed(name: &str) -> BlobEvent {
    event(name, BlobEventKind::Changed { path: path(name) })
}

fn renamed(from: &str, to: &str) -> BlobEvent {
    event(
        "rename",
        BlobEventKind::Renamed {
            from: path(from),
            to: path(to),
        },
    )
}

fn directory_renamed(from: &str, to: &str) -> BlobEvent {
    event(
        "rename",
        BlobEventKind::DirectoryRenamed {
            from: from.to_owned(),
            to: to.to_owned(),
        },
    )
}

/// What is recorded, in words.
fn told(events: &[BlobEvent], indexes: &[IndexPlace]) -> Vec<String> {
    let mut words = Vec::new();
    for (index, entries) in route(events, indexes).entries {
        for (number, entry) in entries {
            let what = match entry {
                Entry::Change(change) => {
                    assert_eq!(
                        (change.reason, change.lane, change.hold),
                        ("event", Lane::Fast, false)
                    );
                    assert_eq!(change.sequencer.as_deref(), Some("07"));
                    match change.renamed_from {
                        Some(from) => format!("{from} -> {}", change.path),
                        None => change.path.to_string(),
                    }
                }
                Entry::Operation(operation) => {
                    assert_eq!(operation.index, index);
                    assert_eq!(operation.sequencer.as_deref(), Some("07"));
                    match operation.kind {
                        OperationKind::Remove { path } => format!("remove {path:?}"),
                        OperationKind::Compare { path } => format!("compare {path:?}"),
                        OperationKind::Rename { from, to } => format!("rename {from:?} {to:?}"),
                    }
                }
            };
            words.push(format!("{number} {index}: {what}"));
        }
    }
    words
}

#[test]
fn every_index_that_owns_the_path_gets_it_in_order() {
    let indexes = [
        index("all", "docs", ""),
        index("team", "docs", "team/a/"),
        index("sibling", "docs", "team/ab"),
        index("elsewhere", "other", ""),
    ];
    let events = [changed("team/a/1.md"), changed("b.md"), changed("team/ab")];
    assert_eq!(
        told(&events, &indexes),
        [
            "0 all: team/a/1.md",
            "1 all: b.md",
            "2 all: team/ab",
            "0 team: team/a/1.md",
            "2 sibling: team/ab",
        ]
    );
    let outcomes = route(&events, &indexes[1..2]).outcomes;
    assert_eq!(outcomes, [Outcome::Unowned; 3], "before anything is recorded");
}

#[test]
fn the_whole_place_must_be_right() {
    let index = index("all", "docs", "");
    for place in [
        place("Docs"),
        Source::Azure {
            account: "fabrikam".to_owned(),
            container: "docs".to_owned(),
        },
        Source::S3 {
            bucket: "docs".to_owned(),
        },
        Source::Gcs {
            bucket: "docs".to_owned(),
        },
    ] {
        let event = BlobEvent {
            place,
            ..changed("a.md")
        };
        assert_eq!(told(&[event], std::slice::from_ref(&index)), Vec::<String>::new());
    }
}

#[test]
fn a_rename_over_the_border_is_told_to_the_side_that_is_inside() {
    for (prefix, from, to, expected) in [
        ("", "a.md", "b.md", vec!["0 i: a.md -> b.md"]),
        ("in", "in/a.md", "in/b.md", vec!["0 i: in/a.md -> in/b.md"]),
        ("in", "in/a.md", "out/a.md", vec!["0 i: in/a.md"]),
        ("in", "out/a.md", "in/a.md", vec!["0 i: in/a.md"]),
        ("in", "out/a.md", "inside/a.md", vec![]),
    ] {
        assert_eq!(
            told(&[renamed(from, to)], &[index("i", "docs", prefix)]),
            expected,
            "{prefix} {from} {to}"
        );
    }
}

#[test]
fn a_directory_is_told_as_far_as_it_is_inside() {
    let removed = |path: &str| {
        event(
            "1",
            BlobEventKind::DirectoryRemoved {
                path: path.to_owned(),
            },
        )
    };
    let arrived = |path: &str| {
        event(
            "1",
            BlobEventKind::DirectoryArrived {
                path: path.to_owned(),
            },
        )
    };
    for (prefix, event, expected) in [
        ("", removed("a"), vec!["0 i: remove \"a\""]),
        (
            "in/deep/",
            removed("in/deep/er"),
            vec!["0 i: remove \"in/deep/er\""],
        ),
        ("in/deep", removed("in/deep"), vec!["0 i: remove \"in/deep\""]),
        ("in/deep/", removed("in"), vec!["0 i: remove \"in/deep\""]),
        ("in/deep", removed("in/de"), vec![]),
        ("in/deep", removed("in/deeper"), vec![]),
        ("in", arrived("in/a"), vec!["0 i: compare \"in/a\""]),
        ("in/deep", arrived("in"), vec!["0 i: compare \"in/deep\""]),
        (
            "",
            directory_renamed("a", "b/c"),
            vec!["0 i: rename \"a\" \"b/c\""],
        ),
        (
            "in",
            directory_renamed("in/a", "in/b"),
            vec!["0 i: rename \"in/a\" \"in/b\""],
        ),
        (
            "in",
            directory_renamed("in/a", "out"),
            vec!["0 i: remove \"in/a\""],
        ),
        (
            "in",
            directory_renamed("out", "in/a"),
            vec!["0 i: compare \"in/a\""],
        ),
        ("in", directory_renamed("in", "out"), vec!["0 i: remove \"in\""]),
        (
            "in/deep",
            directory_renamed("in", "out"),
            vec!["0 i: remove \"in/deep\""],
        ),
        (
            "in/deep",
            directory_renamed("out", "in"),
            vec!["0 i: compare \"in/deep\""],
        ),
        ("in", directory_renamed("x", "y"), vec![]),
        (
            "x/y",
            directory_renamed("x/y/z", "x"),
            vec!["0 i: compare \"x/y\"", "0 i: remove \"x/y/z\""],
        ),
    ] {
        let kind = format!("{prefix} {:?}", event.kind);
        assert_eq!(told(&[event], &[index("i", "docs", prefix)]), expected, "{kind}");
    }
}

#[test]
fn operations_have_one_id_per_index_and_event() {
    let ids = |events: &[BlobEvent], indexes: &[IndexPlace]| -> Vec<OperationId> {
        let entries = route(events, indexes).entries.into_iter();
        entries
            .flat_map(|(_, entries)| entries)
            .map(|(_, entry)| match entry {
                Entry::Operation(operation) => operation.id,
                Entry::Change(change) => panic!("{change:?}"),
            })
            .collect()
    };
    let both = [index("one", "docs", ""), index("two", "docs", "")];
    let once = ids(&[directory_renamed("a", "b")], &both);
    assert_eq!(once, ids(&[directory_renamed("a", "b")], &both));
    assert_eq!(once[0], OperationId::of(&both[0].index, "rename"));
    assert_ne!(once[0], once[1]);
    let pair = ids(&[directory_renamed("x/y/z", "x")], &[index("i", "docs", "x/y")]);
    assert_ne!(pair[0], pair[1]);
}

#[test]
fn paused_indexes_record_and_deleting_ones_do_not() {
    let mut indexes = [index("paused", "docs", ""), index("deleting", "docs", "")];
    indexes[0].state = IndexState::Paused;
    indexes[1].state = IndexState::Deleting;
    assert_eq!(told(&[changed("a.md")], &indexes), ["0 paused: a.md"]);
}

#[test]
fn what_comes_twice_counts_once_and_empty_directories_not_at_all() {
    let made = event(
        "d",
        BlobEventKind::DirectoryCreated {
            path: "in/d".to_owned(),
        },
    );
    let indexes = [index("i", "docs", "in")];
    let again = BlobEvent {
        id: "another event".to_owned(),
        ..changed("in/a.md")
    };
    let events = [
        changed("in/a.md"),
        changed("in/a.md"),
        made.clone(),
        again,
        event(
            "d",
            BlobEventKind::DirectoryCreated {
                path: "out".to_owned(),
            },
        ),
    ];
    let routes = route(&events, &indexes);
    assert_eq!(
        routes.outcomes,
        [
            Outcome::Unowned,
            Outcome::Duplicate,
            Outcome::Ignored,
            Outcome::Unowned,
            Outcome::Unowned,
        ]
    );
    assert_eq!(told(&events, &indexes), ["0 i: in/a.md", "3 i: in/a.md"]);
}

#[test]
fn what_the_index_leaves_out_is_no_news() {
    let source = shared::blobs::source::Source::Folder("/docs".into());
    let mut settings = shared::index_settings::IndexSettings::new(source, "english");
    settings.files.include = vec!["**/*.md".to_owned()];
    let index = IndexPlace {
        scope: Arc::new(Scope::of(&settings).unwrap()),
        ..index("i", "docs", "")
    };
    let outcome = |event: BlobEvent| {
        let routes = route(&[event], std::slice::from_ref(&index));
        let recorded: Vec<String> = routes
            .entries
            .iter()
            .flat_map(|(_, entries)| entries)
            .map(|(_, entry)| match entry {
                Entry::Change(change) => match &change.renamed_from {
                    Some(from) => format!("{from}>{}", change.path),
                    None => change.path.to_string(),
                },
                Entry::Operation(operation) => format!("{:?}", operation.kind),
            })
            .collect();
        (routes.outcomes[0], recorded.join(" "))
    };
    let path = |text: &str| BlobPath::new(text).unwrap();
    let changed = |text: &str| event("c", BlobEventKind::Changed { path: path(text) });
    let renamed = |from: &str, to: &str| {
        let (from, to) = (path(from), path(to));
        event("r", BlobEventKind::Renamed { from, to })
    };
    assert_eq!(outcome(changed("a.md")), (Outcome::Unowned, "a.md".to_owned()));
    assert_eq!(outcome(changed("a.txt")), (Outcome::Ignored, String::new()));
    assert_eq!(outcome(renamed("a.md", "a.txt")).1, "a.md");
    assert_eq!(outcome(renamed("a.txt", "a.md")).1, "a.md");
    assert_eq!(outcome(renamed("a.md", "b.md")).1, "a.md>b.md");
    assert_eq!(
        outcome(renamed("a.txt", "b.txt")),
        (Outcome::Ignored, String::new())
    );
}
