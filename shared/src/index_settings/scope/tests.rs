use super::*;
use crate::blobs::source::Source;

fn settings(include: &[&str], exclude: &[&str]) -> IndexSettings {
    let all = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
    let mut settings = IndexSettings::new(Source::Folder("/docs".into()), "english");
    settings.files.include = all(include);
    settings.files.exclude = all(exclude);
    settings
}

fn owns(scope: &Scope, path: &str) -> bool {
    let path = BlobPath::new(path).unwrap();
    assert_eq!(scope.owns(&path), scope.left_out(&path).is_none(), "{path}");
    scope.owns(&path)
}

#[test]
fn without_globs_everything_is_covered() {
    let scope = Scope::of(&settings(&[], &[])).unwrap();
    assert!(owns(&scope, "a") && owns(&scope, "a/b/c.pdf"));
    assert_eq!(scope, Scope::default());
}

#[test]
fn a_star_stays_within_a_segment() {
    let scope = Scope::of(&settings(&["*.md", "guides/**", "**/*.{pdf,docx}"], &[])).unwrap();
    for path in ["a.md", "guides/a", "guides/b/c.txt", "x.pdf", "x/y/z.docx"] {
        assert!(owns(&scope, path), "{path}");
    }
    for path in ["x/a.md", "guide/a", "x/y.PDF", "x.txt"] {
        assert!(!owns(&scope, path), "{path}");
    }
}

#[test]
fn exclude_is_stronger_and_named() {
    let scope = Scope::of(&settings(&["**/*.md"], &["**/drafts/**", "old.md"])).unwrap();
    assert!(owns(&scope, "a/b.md"));
    assert!(!owns(&scope, "a/drafts/b.md") && !owns(&scope, "old.md"));
    let why = scope.left_out(&BlobPath::new("old.md").unwrap()).unwrap();
    assert_eq!(why, LeftOut::Excluded("old.md".to_owned()));
    let why = scope.left_out(&BlobPath::new("a.pdf").unwrap()).unwrap();
    assert_eq!(why, LeftOut::NotIncluded);
}

#[test]
fn the_prefix_bounds_it() {
    let mut settings = settings(&["**/*.md"], &[]);
    settings.prefix = "docs".to_owned();
    let scope = Scope::of(&settings).unwrap();
    assert!(owns(&scope, "docs/a.md") && !owns(&scope, "docs-old/a.md") && !owns(&scope, "a.md"));
    assert_eq!(scope.share_of("").as_deref(), Some("docs"));
    assert_eq!(scope.share_of("docs/x").as_deref(), Some("docs/x"));
    assert_eq!(scope.share_of("docs-old"), None);
}

#[test]
fn what_is_no_glob_is_told_with_its_place() {
    let problems = Scope::of(&settings(&["ok/**", "[a"], &["", "/a", "{x"])).unwrap_err();
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[0].starts_with("files.include[1]: "), "{problems:?}");
    assert!(problems[1].starts_with("files.exclude[0]: "), "{problems:?}");
    let many: Vec<&str> = vec!["a"; MOST_GLOBS + 1];
    assert!(Scope::of(&settings(&many, &[])).unwrap_err()[0].contains("at most"));
    // A few bytes that stand for a great many alternatives end as a problem, not as memory.
    let bomb = "{a,b,c,d,e,f,g,h}?".repeat(50);
    let bombs = vec![bomb.as_str(); 150];
    match Scope::of(&settings(&bombs, &[])) {
        Ok(_) => {}
        Err(problems) => assert!(problems[0].contains("files.include"), "{problems:?}"),
    }
}
