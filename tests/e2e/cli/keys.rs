//! A control plane that asks for keys.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::folder::Docs;
use tests::longshore::Longshore;

use super::Remote;

const ADMIN: &str = "admin-key-of-the-tests-command-line";

#[test]
fn keys_are_made_used_rotated_and_revoked() -> anyhow::Result<()> {
    let docs = Docs::with_files(3, 1)?;
    let longshore = Longshore::new(&["--name", "docs"])?.with_variable("LONGSHORE_ADMIN_KEY", ADMIN);
    let up = longshore.up(&docs, &[])?;
    let nobody = Remote::new(up.url())?;
    for args in [&["status"][..], &["keys", "list"], &["search", "x"], &["run"]] {
        let refused = nobody.ends(args, 5)?;
        ensure!(refused.stderr.contains("LONGSHORE_API_KEY"), "{}", refused.stderr);
    }
    Remote::with_key(up.url(), "lsk_wrong")?.ends(&["status"], 5)?;

    // From a file, and from the environment; never as a flag.
    let file = docs.file(".key");
    std::fs::write(&file, format!("{ADMIN}\n"))?;
    let file = file.to_string_lossy().into_owned();
    nobody.ends(&["status", "--api-key-file", &file], 0)?;
    nobody.ends(&["status", "--api-key-file", "/nowhere/key"], 1)?;
    let admin = Remote::with_key(up.url(), ADMIN)?;

    let made = admin.ends(
        &[
            "keys",
            "create",
            "website",
            "--scope",
            "search",
            "--expires",
            "90d",
        ],
        0,
    )?;
    let first = made.stdout.trim().to_owned();
    ensure!(
        first.starts_with("lsk_") && !made.stderr.contains(&first),
        "{made:?}"
    );
    let website = Remote::with_key(up.url(), &first)?;
    website.ends(&["search", "word1"], 0)?;
    let forbidden = website.ends(&["index", "pause"], 5)?;
    ensure!(!forbidden.stderr.contains(&first), "{}", forbidden.stderr);
    website.ends(&["keys", "list"], 5)?;

    let other = admin.json(&[
        "keys",
        "create",
        "other",
        "--scope",
        "ingest,search",
        "--for-index",
        "elsewhere",
    ])?;
    let other = other["secret"].as_str().context("no secret")?.to_owned();
    Remote::with_key(up.url(), &other)?.ends(&["status", "--index", "docs"], 5)?;

    let rotated = admin.ends(&["keys", "rotate", "website", "--overlap", "0"], 0)?;
    let second = rotated.stdout.trim().to_owned();
    website.ends(&["search", "word1"], 5)?;
    let website = Remote::with_key(up.url(), &second)?;
    website.ends(&["search", "word1"], 0)?;
    admin.ends(&["keys", "revoke", "website"], 2)?;
    website.ends(&["search", "word1"], 0)?;
    admin.ends(&["keys", "revoke", "website", "--yes"], 0)?;
    website.ends(&["search", "word1"], 5)?;
    admin.ends(&["keys", "revoke", "website", "--yes"], 4)?;

    let names = |keys: Vec<Value>| -> BTreeSet<String> {
        let name = |key: Value| key["name"].as_str().map(str::to_owned);
        keys.into_iter().filter_map(name).collect()
    };
    ensure!(names(admin.lines(&["keys", "list"])?) == BTreeSet::from(["other".to_owned()]));
    ensure!(names(admin.lines(&["keys", "list", "--all"])?).len() == 2);
    let table = admin.says(&["keys", "list", "--all"])?;
    ensure!(
        table.contains("revoked") && table.contains("elsewhere"),
        "{table}"
    );

    let audit = admin.ends(&["audit", "--json"], 0)?.stdout;
    for action in ["keys_create", "keys_rotate", "keys_revoke"] {
        ensure!(audit.contains(action), "{action} is not in {audit}");
    }
    for secret in [&first, &second, &other, &ADMIN.to_owned()] {
        ensure!(!audit.contains(secret) && !up.log().contains(secret) && !table.contains(secret));
    }
    Ok(())
}

#[test]
fn the_key_of_this_machine_is_not_sent_elsewhere() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let here = Longshore::new(&[])?;
    let up = here.up(&docs, &["--listen", "0.0.0.0:0"])?;
    // The folder's own commands find its key.
    ensure!(here.run(&["status"])?.code() == 0);
    let url = up.url().replace("0.0.0.0", "127.0.0.1");
    let named = here.run(&["--url", &url, "status"])?;
    ensure!(named.code() == 5, "{} {}", named.code(), named.stderr);
    Ok(())
}
