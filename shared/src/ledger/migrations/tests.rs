//! Migrations are additions, in order, and stay as they were released.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// From here on the rules about locks and repetition hold.
const STRICT_SINCE: i64 = KEPT_SINCE;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/migrations")
}

#[test]
fn they_are_numbered_without_gaps() {
    for (number, migration) in (1..).zip(&MIGRATIONS) {
        assert_eq!(migration.version, number, "{}", migration.name);
        assert!(
            migration.name.starts_with(&format!("{number:04}_")),
            "{} has number {number}",
            migration.name
        );
        if let Kind::Contract { needs } = migration.kind {
            assert!(
                (1..=number).contains(&needs),
                "{}: it needs a version that there was",
                migration.name
            );
        }
    }
}

#[test]
fn an_expansion_only_adds() {
    for migration in &MIGRATIONS {
        let problems = lint::problems(migration.sql, migration.version >= STRICT_SINCE);
        assert!(
            migration.kind != Kind::Expand || problems.is_empty(),
            "{} is no expansion; see docs/decisions/migrations.md: {problems:#?}",
            migration.name
        );
    }
}

/// Released migrations have run in databases that we do not know. What is wrong with one is mended by the next.
#[test]
fn they_stay_as_they_were_released() {
    let list = folder().join("released.txt");
    let released: BTreeMap<String, String> = fs::read_to_string(&list)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
        .collect();
    let mut there = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let hash = blake3::hash(&fs::read(&path).unwrap()).to_hex();
            there.insert(name, hash.to_string());
        }
    }
    for (name, hash) in &released {
        assert_eq!(
            there.get(name),
            Some(hash),
            "{name} was released and is not what it was: leave it, and write another migration"
        );
    }
    for name in there.keys() {
        let (number, rest) = name.split_once('_').unwrap();
        let known = MIGRATIONS
            .iter()
            .any(|migration| *name == format!("{}.sql", migration.name));
        let addition = rest.ends_with(".postgres.sql") && number == "0001";
        assert!(known || addition, "{name} is not in the list of migrations");
    }
    if there != released {
        assert!(
            std::env::var_os("LONGSHORE_BLESS").is_some(),
            "there are new migrations: run this test with LONGSHORE_BLESS=1 when they are as they shall stay"
        );
        let mut text = String::new();
        for (name, hash) in &there {
            writeln!(text, "{hash}  {name}").unwrap();
        }
        fs::write(list, text).unwrap();
    }
}

#[test]
fn the_lint_knows_additions() {
    let fine = [
        "-- nothing; at all",
        "CREATE TABLE IF NOT EXISTS a (b TEXT NOT NULL CHECK (b <> ';'));
         CREATE UNIQUE INDEX IF NOT EXISTS c ON a (b);
         ALTER TABLE a ADD COLUMN d BIGINT;
         ALTER TABLE files ADD COLUMN e TEXT; -- a note; of two parts
         ALTER TABLE files ADD COLUMN f SMALLINT NOT NULL DEFAULT 0;
         ALTER TABLE files ADD COLUMN g TEXT NOT NULL DEFAULT 'a ''b'",
    ];
    for sql in fine {
        assert_eq!(lint::problems(sql, true), Vec::<String>::new(), "{sql}");
    }
    let wrong = [
        ("DROP TABLE files", "no addition"),
        ("DROP INDEX files_due", "no addition"),
        ("ALTER TABLE files DROP COLUMN path", "no addition"),
        ("ALTER TABLE files RENAME COLUMN path TO name", "no addition"),
        ("ALTER TABLE files ALTER COLUMN path DROP NOT NULL", "no addition"),
        ("ALTER TABLE files ADD CHECK (n > 0)", "no addition"),
        ("UPDATE files SET kept = 0", "no addition"),
        ("DELETE FROM files", "no addition"),
        ("INSERT INTO duties VALUES ('a', 'b', 0)", "no addition"),
        ("ALTER TABLE files ADD COLUMN a TEXT NOT NULL", "nullable"),
        (
            "ALTER TABLE files ADD COLUMN a BIGINT DEFAULT now_ms()",
            "nullable",
        ),
        (
            "ALTER TABLE files ADD COLUMN a BIGINT NOT NULL DEFAULT (1 + 1)",
            "nullable",
        ),
        (
            "ALTER TABLE files ADD COLUMN a TEXT REFERENCES runs (run_id)",
            "nullable",
        ),
        ("ALTER TABLE files ADD COLUMN a BIGINT CHECK (a > 0)", "nullable"),
        ("ALTER TABLE files ADD COLUMN a TEXT UNIQUE", "nullable"),
        ("ALTER TABLE files ADD COLUMN a SERIAL", "TEXT, BIGINT"),
        (
            "CREATE UNIQUE INDEX IF NOT EXISTS a ON files (path)",
            "uniqueness",
        ),
        ("CREATE INDEX a ON files (path)", "IF NOT EXISTS"),
        (
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON files (path)",
            "IF NOT EXISTS",
        ),
        ("CREATE TABLE a (b TEXT)", "IF NOT EXISTS"),
        (
            "CREATE TABLE IF NOT EXISTS a AS SELECT path FROM files",
            "columns",
        ),
        (
            "ALTER TABLE files ADD COLUMN a TEXT; ALTER TABLE runs ADD COLUMN a TEXT",
            "one table at a time",
        ),
        (
            "ALTER TABLE files ADD COLUMN a TEXT; CREATE INDEX IF NOT EXISTS b ON files (a)",
            "its index is built",
        ),
        ("create table if not exists a (b TEXT)", "no addition"),
    ];
    for (sql, why) in wrong {
        let problems = lint::problems(sql, true);
        assert!(
            problems.iter().any(|problem| problem.contains(why)),
            "{sql}: {problems:?}, expected {why:?}"
        );
    }
}
