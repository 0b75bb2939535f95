use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::clock::{Clock, SystemClock};

/// A folder with a life of its own.
struct Fixture {
    dir: TempDir,
    folder: Folder,
}

impl Fixture {
    fn new() -> Self {
        let dir = TempDir::with_prefix("folder").unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        Self { dir, folder }
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: impl AsRef<Path>, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Every listed path with `ok`, or a word for the error.
    async fn listed(&self, prefix: &str) -> BTreeMap<String, &'static str> {
        let listed = self.folder.list(prefix).await.unwrap();
        assert!(
            listed.is_sorted_by(|a, b| a.path < b.path),
            "sorted, and each path once"
        );
        listed
            .into_iter()
            .map(|entry| (entry.path.to_string(), word(&entry.meta)))
            .collect()
    }

    async fn head(&self, path: &str) -> Result<BlobMeta, BlobError> {
        self.folder.head(&BlobPath::new(path).unwrap()).await
    }

    async fn read(&self, path: &str, etag: &str, limit: u64) -> Result<Blob, BlobError> {
        self.folder.read(&BlobPath::new(path).unwrap(), etag, limit).await
    }
}

fn word<T>(result: &Result<T, BlobError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(BlobError::NotFound) => "not_found",
        Err(BlobError::Changed) => "changed",
        Err(BlobError::TooLarge { .. }) => "too_large",
        Err(BlobError::Denied(_)) => "denied",
        Err(BlobError::NotABlob { code, .. }) => code,
        Err(BlobError::Unavailable(_)) => "unavailable",
    }
}

fn words<const N: usize>(entries: [(&str, &'static str); N]) -> BTreeMap<String, &'static str> {
    entries
        .into_iter()
        .map(|(path, word)| (path.to_owned(), word))
        .collect()
}

#[tokio::test]
async fn opening_says_what_is_wrong() {
    let fixture = Fixture::new();
    fixture.write("file", "");
    assert!(matches!(
        Folder::open(fixture.path("none")),
        Err(FolderError::Missing(_))
    ));
    assert!(matches!(
        Folder::open(fixture.path("file")),
        Err(FolderError::NotAFolder(_))
    ));
    assert!(matches!(
        Folder::open(fixture.path("file/below")),
        Err(FolderError::NotAFolder(_))
    ));
}

#[tokio::test]
async fn lists_files_below_a_prefix_and_nothing_hidden() {
    let fixture = Fixture::new();
    for path in [
        "b.md",
        "a/x.md",
        "a/deep/y.md",
        "ab.md",
        ".hidden",
        ".git/config",
        "a/.z",
        "data/db",
    ] {
        fixture.write(path, "text");
    }
    fs::create_dir(fixture.path("empty")).unwrap();
    let all = words([
        ("a/deep/y.md", "ok"),
        ("a/x.md", "ok"),
        ("ab.md", "ok"),
        ("b.md", "ok"),
        ("data/db", "ok"),
    ]);
    assert_eq!(fixture.listed("").await, all);
    assert_eq!(
        fixture.listed("a").await,
        words([("a/deep/y.md", "ok"), ("a/x.md", "ok")])
    );
    assert_eq!(fixture.listed("a/deep/").await, words([("a/deep/y.md", "ok")]));
    assert_eq!(fixture.listed("b.md").await, words([("b.md", "ok")]));
    for nothing in [".git", "a/.z", "none", "b.md/x", "../", "/etc", "empty"] {
        assert_eq!(fixture.listed(nothing).await, words([]), "{nothing}");
    }
    for path in [".git/config", "a/.z", "a", "none", "b.md/x", "empty"] {
        assert_eq!(word(&fixture.head(path).await), "not_found", "{path}");
    }

    let without = fixture.folder.clone().excluding(fixture.path("data"));
    assert_eq!(without.list("").await.unwrap().len(), 4);
    assert_eq!(without.list("data").await.unwrap(), []);
    assert_eq!(
        word(&without.head(&BlobPath::new("data/db").unwrap()).await),
        "not_found"
    );
}

#[tokio::test]
async fn the_root_itself_may_be_hidden_or_a_link() {
    let fixture = Fixture::new();
    fixture.write(".notes/a.md", "text");
    symlink(fixture.path(".notes"), fixture.path("link")).unwrap();
    for root in [".notes", "link"] {
        let folder = Folder::open(fixture.path(root)).unwrap();
        assert_eq!(folder.list("").await.unwrap().len(), 1, "{root}");
        assert!(
            folder.head(&BlobPath::new("a.md").unwrap()).await.is_ok(),
            "{root}"
        );
    }
}

#[tokio::test]
async fn an_excluded_folder_may_appear_later() {
    let fixture = Fixture::new();
    let folder = fixture.folder.clone().excluding(fixture.path("data/inner"));
    fixture.write("data/inner/db", "text");
    fixture.write("data/inner2", "text");
    let listed = folder.list("").await.unwrap();
    assert_eq!(
        listed.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(),
        ["data/inner2"]
    );
}

#[tokio::test]
async fn special_entries_are_named_and_head_agrees_with_the_listing() {
    let fixture = Fixture::new();
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret.md"), "secret").unwrap();
    fixture.write("real/a.md", "text");
    symlink("real/a.md", fixture.path("good")).unwrap();
    symlink("good", fixture.path("good-twice")).unwrap();
    symlink("nowhere", fixture.path("broken")).unwrap();
    symlink("loop", fixture.path("loop")).unwrap();
    symlink(outside.path().join("secret.md"), fixture.path("leak")).unwrap();
    symlink(outside.path(), fixture.path("leak-folder")).unwrap();
    symlink("real", fixture.path("folder-link")).unwrap();
    symlink("..", fixture.path("real/up")).unwrap();
    let _socket = UnixListener::bind(fixture.path("socket")).unwrap();
    fs::write(fixture.path(OsStr::from_bytes(b"caf\xe9.md")), "text").unwrap();
    fs::create_dir(fixture.path(OsStr::from_bytes(b"\xff"))).unwrap();
    fs::write(fixture.path(OsStr::from_bytes(b"\xff/inside.md")), "text").unwrap();

    let listed = fixture.listed("").await;
    assert_eq!(
        listed,
        words([
            ("broken", "broken_link"),
            ("caf\u{FFFD}.md", "name_not_utf8"),
            ("folder-link", "linked_folder"),
            ("good", "ok"),
            ("good-twice", "ok"),
            ("leak", "link_leads_outside"),
            ("leak-folder", "linked_folder"),
            ("loop", "broken_link"),
            ("real/a.md", "ok"),
            ("real/up", "linked_folder"),
            ("socket", "not_a_file"),
            ("\u{FFFD}", "name_not_utf8"),
        ])
    );
    for (path, expected) in &listed {
        // A listing and a look at one entry must agree, or the two would be reconciled for ever.
        assert_eq!(word(&fixture.head(path).await), *expected, "{path}");
        assert_eq!(
            fixture
                .listed(path)
                .await
                .get(path)
                .copied()
                .unwrap_or("not_found"),
            *expected,
            "{path}"
        );
    }
    for through_link in ["leak-folder/secret.md", "folder-link/a.md", "real/up/real/a.md"] {
        assert_eq!(
            word(&fixture.head(through_link).await),
            "not_found",
            "{through_link}"
        );
        assert_eq!(
            word(&fixture.read(through_link, "", 100).await),
            "not_found",
            "{through_link}"
        );
    }
    let link = fixture.head("good").await.unwrap();
    assert_eq!(link.etag, fixture.head("real/a.md").await.unwrap().etag);
    assert_eq!(link.identity, None);
    assert_eq!(fixture.read("good", &link.etag, 100).await.unwrap().bytes, "text");
}

#[tokio::test]
async fn a_link_into_an_excluded_folder_leads_outside() {
    let fixture = Fixture::new();
    fixture.write("data/db", "text");
    symlink("data/db", fixture.path("link")).unwrap();
    let folder = fixture.folder.clone().excluding(fixture.path("data"));
    let meta = folder.head(&BlobPath::new("link").unwrap()).await;
    assert_eq!(word(&meta), "link_leads_outside");
}

#[tokio::test]
async fn of_two_names_with_one_text_the_proper_one_wins() {
    let fixture = Fixture::new();
    fs::write(fixture.path(OsStr::from_bytes(b"\xff")), "text").unwrap();
    fs::write(fixture.path(OsStr::from_bytes(b"\xfe")), "text").unwrap();
    assert_eq!(fixture.listed("").await, words([("\u{FFFD}", "name_not_utf8")]));
    fixture.write("\u{FFFD}", "text");
    assert_eq!(fixture.listed("").await, words([("\u{FFFD}", "ok")]));
}

#[tokio::test]
async fn what_cannot_be_read_is_denied_without_hiding_the_rest() {
    let fixture = Fixture::new();
    fixture.write("closed/a.md", "text");
    fixture.write("file.md", "text");
    fixture.write("open.md", "text");
    let set =
        |path: &str, mode| fs::set_permissions(fixture.path(path), fs::Permissions::from_mode(mode)).unwrap();
    set("closed", 0);
    set("file.md", 0);
    let is_bound = fs::read_dir(fixture.path("closed")).is_err();
    if is_bound {
        let etag = fixture.head("file.md").await.unwrap().etag;
        assert_eq!(word(&fixture.read("file.md", &etag, 100).await), "denied");
        assert_eq!(
            fixture.listed("").await,
            words([("closed", "denied"), ("file.md", "ok"), ("open.md", "ok")])
        );
        assert_eq!(word(&fixture.head("closed/a.md").await), "denied");
        assert_eq!(fixture.listed("closed").await, words([("closed", "denied")]));
    } else {
        println!("permissions do not bind this user (root), so what they forbid was not tested");
    }
    set("closed", 0o700);
    assert_eq!(fixture.listed("closed").await, words([("closed/a.md", "ok")]));
}

/// The same without permissions, which root does not feel: what the walk does with an error of a folder.
#[test]
fn an_unreadable_folder_is_listed_and_an_unreadable_root_is_an_error() {
    let fixture = Fixture::new();
    let inner = &fixture.folder.0;
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let mut found = Vec::new();
    inner
        .unreadable(
            &walk::Pending {
                full: fixture.path("a"),
                path: Some("a".to_owned()),
            },
            &denied,
            &mut found,
        )
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_str(), word(&found[0].meta)), ("a", "denied"));

    let root = walk::Pending {
        full: fixture.path(""),
        path: None,
    };
    assert_eq!(word(&inner.unreadable(&root, &denied, &mut found)), "denied");

    let vanished = io::Error::from(io::ErrorKind::NotFound);
    let gone = walk::Pending {
        full: fixture.path("b"),
        path: Some("b".to_owned()),
    };
    inner.unreadable(&gone, &vanished, &mut found).unwrap();
    assert_eq!(found.len(), 1, "a folder that vanished is left out");
}

#[tokio::test]
async fn a_missing_root_is_unavailable_not_empty() {
    let fixture = Fixture::new();
    fixture.write("a/b.md", "text");
    let etag = fixture.head("a/b.md").await.unwrap().etag;
    fs::rename(fixture.path(""), fixture.path("").with_extension("moved")).unwrap();
    for (what, word) in [
        ("list", word(&fixture.folder.list("").await)),
        ("list below", word(&fixture.folder.list("a").await)),
        ("head", word(&fixture.head("a/b.md").await)),
        ("read", word(&fixture.read("a/b.md", &etag, 100).await)),
    ] {
        assert_eq!(word, "unavailable", "{what}");
    }
    fs::rename(fixture.path("").with_extension("moved"), fixture.path("")).unwrap();
    assert_eq!(fixture.listed("").await, words([("a/b.md", "ok")]));
}

#[tokio::test]
async fn reads_what_the_tag_names_or_nothing() {
    let fixture = Fixture::new();
    fixture.write("a.md", "twelve bytes");
    let meta = fixture.head("a.md").await.unwrap();
    assert_eq!(meta.size, 12);
    let blob = fixture.read("a.md", &meta.etag, 12).await.unwrap();
    assert_eq!(blob.bytes, "twelve bytes");
    assert_eq!(blob.meta, meta);
    assert_eq!(
        fixture.read("a.md", &meta.etag, 11).await,
        Err(BlobError::TooLarge { size: 12, limit: 11 })
    );
    assert_eq!(fixture.read("a.md", "other", 12).await, Err(BlobError::Changed));
    assert_eq!(
        fixture.read("none.md", &meta.etag, 12).await,
        Err(BlobError::NotFound)
    );
    fixture.write("empty.md", "");
    let etag = fixture.head("empty.md").await.unwrap().etag;
    assert!(fixture.read("empty.md", &etag, 0).await.unwrap().bytes.is_empty());
}

/// Edits of the same size that put the modification time back are seen, as often as they follow a read.
#[tokio::test]
async fn an_edit_after_a_read_always_changes_the_tag() {
    let fixture = Fixture::new();
    let path = fixture.path("a.md");
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let mut last = String::new();
    for round in 0..20 {
        let content = format!("{round:04}");
        fs::write(&path, &content).unwrap();
        File::open(&path).unwrap().set_modified(modified).unwrap();
        let meta = fixture.head("a.md").await.unwrap();
        assert_ne!(meta.etag, last, "round {round}");
        assert_eq!(meta.modified, 1_000_000_000_000);
        assert_eq!(
            fixture.read("a.md", &meta.etag, 100).await.unwrap().bytes,
            content
        );
        // Even where the kernel's clock ticks too slowly for this test to see two edits in one tick.
        let changed = fs::metadata(&path).unwrap();
        let changed = changed.ctime() * 1000 + changed.ctime_nsec() / 1_000_000;
        assert!(
            SystemClock.now() >= changed + 20,
            "round {round} was read within the tick of its last change"
        );
        last = meta.etag;
    }
}

#[tokio::test]
async fn the_identity_survives_a_rename_and_changes_with_the_content() {
    let fixture = Fixture::new();
    fixture.write("old.md", "text");
    let old = fixture.head("old.md").await.unwrap();
    fs::rename(fixture.path("old.md"), fixture.path("new.md")).unwrap();
    let new = fixture.head("new.md").await.unwrap();
    assert!(old.identity.is_some());
    assert_eq!(new.identity, old.identity);
    fixture.write("new.md", "other text");
    assert_ne!(fixture.head("new.md").await.unwrap().identity, old.identity);
}

/// Content during whose reading something happens.
struct Meanwhile<F>(File, Option<F>);

impl<F: FnOnce()> Read for Meanwhile<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if let Some(happen) = self.1.take() {
            happen();
        }
        Ok(read)
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_returned() {
    let fixture = Fixture::new();
    type Edit = fn(&Path);
    let edits: [(&str, Edit); 4] = [
        ("nothing", |_| {}),
        ("same size", |path| fs::write(path, "TEXT").unwrap()),
        ("longer", |path| fs::write(path, "longer text").unwrap()),
        ("renamed", |path| {
            fs::rename(path, path.with_extension("other")).unwrap()
        }),
    ];
    for (what, edit) in edits {
        fixture.write("a.md", "text");
        let path = fixture.path("a.md");
        let file = File::open(&path).unwrap();
        let etag = entry::etag(&file.metadata().unwrap());
        settle::wait(&file.metadata().unwrap());
        let content = Meanwhile(file.try_clone().unwrap(), Some(|| edit(&path)));
        let read = read_unchanged(&file, content, &etag, 100);
        assert_eq!(read.is_ok(), what == "nothing", "{what}");
    }
}

#[tokio::test]
async fn conforms() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let write = async |path: &BlobPath, text: Option<&str>| {
        let file = dir.path().join(path.as_str());
        match text {
            Some(text) => {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
            }
            None => std::fs::remove_file(file).unwrap(),
        }
    };
    crate::blobs::conformance::run(&folder, write).await;
}
