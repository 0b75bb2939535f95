//! Bad folders, bad files, bad data folders: a clear error or a visible state, and the rest is indexed.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use tests::folder::Docs;
use tests::longshore::{Longshore, Ran};
use tests::wait;

fn refused(ran: &Ran, words: &[&str]) -> anyhow::Result<()> {
    ensure!(ran.code() == 1, "ended with {}: {}", ran.code(), ran.stderr);
    for word in words {
        ensure!(
            ran.stderr.contains(word),
            "{word:?} is missing in: {}",
            ran.stderr
        );
    }
    ensure!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    Ok(())
}

/// Permission bits do not bind root; tests that need them bound say so and stop.
fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|out| out.stdout == b"0\n")
}

#[test]
fn the_source_must_be_a_readable_folder() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let longshore = Longshore::new(&[])?;
    refused(
        &longshore.run(&["up", "/no/such/folder", "--once"])?,
        &["/no/such/folder", "check the path"],
    )?;
    let file = docs.file(&Docs::name(0)).to_string_lossy().into_owned();
    refused(&longshore.run(&["up", &file, "--once"])?, &["is not a folder"])?;
    ensure!(
        !longshore.data_dir().join("ledger.sqlite").exists(),
        "nothing was made"
    );
    if !is_root() {
        std::fs::set_permissions(docs.path(), PermissionsExt::from_mode(0o000))?;
        let ran = longshore.once(&docs);
        std::fs::set_permissions(docs.path(), PermissionsExt::from_mode(0o755))?;
        refused(&ran?, &["permission"])?;
    }
    Ok(())
}

#[test]
fn the_data_folder_must_be_usable() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let longshore = Longshore::new(&[])?;
    std::fs::write(longshore.data_dir().join("file"), "")?;
    let in_the_way = longshore.data_dir().join("file").to_string_lossy().into_owned();
    // The harness gives every command its own data folder, so these are run by hand.
    let at = |data: &str| -> anyhow::Result<Ran> {
        let output = Command::new(tests::longshore::binary())
            .args(["up", &docs.path().to_string_lossy(), "--once", "--data-dir", data])
            .output()?;
        Ok(Ran {
            status: output.status,
            stdout: String::new(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    };
    refused(&at(&in_the_way)?, &["file", "--data-dir"])?;
    refused(&at("/proc/longshore")?, &["/proc/longshore", "--data-dir"])?;

    let none = longshore.run(&["search", "x"])?;
    refused(&none, &["there is no index", "longshore up DIR"])?;
    Ok(())
}

#[test]
fn a_data_folder_of_a_newer_build_or_of_no_build_is_refused() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let longshore = Longshore::new(&[])?;
    longshore.once_ok(&docs)?;
    let ledger = longshore.data_dir().join("ledger.sqlite");
    let newer = rusqlite::Connection::open(&ledger)?;
    newer.execute("UPDATE schema_version SET version = 9999", [])?;
    newer.close().map_err(|(_, error)| error)?;
    refused(&longshore.once(&docs)?, &["9999", "newer"])?;

    let garbage = Longshore::new(&[])?;
    std::fs::write(
        garbage.data_dir().join("ledger.sqlite"),
        "this is no database, whatever its name says",
    )?;
    refused(&garbage.once(&docs)?, &["ledger.sqlite"])?;
    Ok(())
}

#[test]
fn a_data_folder_serves_one_process_one_source_and_one_setting() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let longshore = Longshore::new(&[])?;
    let up = longshore.up(&docs, &[])?;
    refused(
        &longshore.once(&docs)?,
        &["in use", &up.pid().to_string(), "--data-dir"],
    )?;
    drop(up);
    let other = Docs::with_files(1, 1)?;
    refused(&longshore.once(&other)?, &["--data-dir", "delete"])?;
    let name = longshore.run(&longshore.up_args(docs.path(), &["--once", "--language", "german"]))?;
    refused(&name, &["language", "english", "german"])?;
    let unknown = Longshore::new(&["--language", "klingon"])?;
    refused(&unknown.once(&docs)?, &["klingon"])?;
    let overlap = Longshore::new(&["--chunk-size", "100", "--chunk-overlap", "100"])?;
    refused(&overlap.once(&docs)?, &["overlap"])?;
    Ok(())
}

#[test]
fn a_taken_port_is_said() -> anyhow::Result<()> {
    let docs = Docs::with_files(1, 1)?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let longshore = Longshore::new(&[])?;
    refused(
        &longshore.run(&longshore.up_args(docs.path(), &["--listen", &address]))?,
        &[&address, "--listen"],
    )
}

#[test]
fn odd_files_are_visible_and_the_rest_is_indexed() -> anyhow::Result<()> {
    let docs = Docs::with_files(20, 1)?;
    docs.write("empty.md", "")?;
    docs.write("blank.txt", " \n\t\n")?;
    docs.write("large.txt", vec![b'x'; 2 << 20])?;
    docs.write(
        "binary.txt",
        (0..=255_u8).cycle().take(10_000).collect::<Vec<_>>(),
    )?;
    docs.write(
        "latin1.txt",
        b"Der B\xe4r f\xe4hrt \xfcber die Br\xfccke nach L\xfcbeck.\n",
    )?;
    docs.write("broken-utf8.md", b"# Anchor\n\nThe \xff chain \xfe holds.\n")?;
    docs.write("line.txt", "word ".repeat(150_000))?;
    docs.write(
        "deep.html",
        format!(
            "{}{}{}",
            "<div>".repeat(50_000),
            "kelp forest",
            "</div>".repeat(50_000)
        ),
    )?;
    docs.write(
        "deep.json",
        format!("{}\"barnacle\"{}", "[".repeat(100_000), "]".repeat(100_000)),
    )?;
    symlink("nowhere.md", docs.file("broken-link.md"))?;
    symlink("loop-b", docs.file("loop-a"))?;
    symlink("loop-a", docs.file("loop-b"))?;
    symlink(docs.path(), docs.file("part-0/self"))?;
    symlink("/etc/hostname", docs.file("outside.txt"))?;
    std::fs::write(
        docs.path().join(std::ffi::OsStr::from_bytes(b"name-\xff.md")),
        "# Unreadable name",
    )?;
    let fifo = docs.file("pipe.txt");
    ensure!(Command::new("mkfifo").arg(&fifo).status()?.success());
    if !is_root() {
        docs.write("locked.md", "# Locked")?;
        std::fs::set_permissions(docs.file("locked.md"), PermissionsExt::from_mode(0o000))?;
    }
    let longshore = Longshore::new(&["--max-file-size", "1"])?;

    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == if is_root() { 0 } else { 3 },
        "ended with {}: {}",
        ran.code(),
        ran.stderr
    );
    let files = longshore.files()?;
    for expected in [
        "SKIPPED empty empty.md",
        "SKIPPED empty blank.txt",
        "SKIPPED too_large large.txt",
        "SKIPPED binary_content binary.txt",
        "SKIPPED broken_link broken-link.md",
        "SKIPPED not_a_file pipe.txt",
        "SKIPPED name_not_utf8 name-\u{fffd}.md",
        "INDEXED - latin1.txt",
        "INDEXED - broken-utf8.md",
        "INDEXED - line.txt",
        "INDEXED - deep.html",
        "INDEXED - deep.json",
    ] {
        ensure!(
            files.iter().any(|file| file == expected),
            "{expected:?} is missing in {files:#?}"
        );
    }
    for link in ["loop-a", "loop-b", "outside.txt"] {
        ensure!(
            files
                .iter()
                .any(|file| file.starts_with("SKIPPED") && file.ends_with(&format!(" {link}"))),
            "{link} is not visible in {files:#?}"
        );
    }
    if !is_root() {
        ensure!(
            files.iter().any(|file| file == "FAILED unreadable locked.md"),
            "{files:#?}"
        );
    }
    ensure!(
        files.iter().filter(|file| file.contains("/doc-")).count() == 20,
        "the rest is indexed: {files:#?}"
    );
    for (query, path) in [
        ("Bär Brücke", "latin1.txt"),
        ("anchor chain", "broken-utf8.md"),
        ("kelp", "deep.html"),
        ("barnacle", "deep.json"),
    ] {
        ensure!(
            longshore.search(query)? == [path],
            "{query}: {:?}",
            longshore.search(query)?
        );
    }
    let again = longshore.once(&docs)?;
    ensure!(
        !again.stderr.contains(" 0 unchanged") && again.stderr.contains("unchanged"),
        "{}",
        again.stderr
    );
    Ok(())
}

#[test]
fn files_that_change_and_vanish_while_they_are_read_end_as_what_is_there() -> anyhow::Result<()> {
    let docs = Docs::with_files(40, 1)?;
    let longshore = Longshore::new(&[])?;
    let up = longshore.up(&docs, &[])?;
    for round in 1..=20 {
        docs.write(
            "busy.md",
            format!("# Busy\n\nrevision{round} {}\n", "filler ".repeat(round * 100)),
        )?;
        docs.write("fleeting.md", format!("# Fleeting\n\nghost{round}\n"))?;
        docs.remove("fleeting.md")?;
    }
    wait::until("the last revision", || {
        Ok((longshore.search("revision20")? == ["busy.md"]).then_some(()))
    })?;
    wait::until("the fleeting file to be gone", || {
        let known = longshore.files()?;
        Ok((!known.iter().any(|file| file.ends_with("fleeting.md"))).then_some(()))
    })?;
    for round in 1..20 {
        ensure!(
            longshore.search(&format!("revision{round}"))?.is_empty(),
            "revision {round} is still found"
        );
    }
    drop(up);
    Ok(())
}

#[test]
fn a_source_that_vanishes_wipes_nothing() -> anyhow::Result<()> {
    let docs = Docs::with_files(30, 1)?;
    let longshore = Longshore::new(&[])?;
    longshore.once_ok(&docs)?;
    for part in 0..3 {
        std::fs::rename(
            docs.file(&format!("part-{part}")),
            docs.file(&format!(".hidden-{part}")),
        )?;
    }
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == 3 && ran.stderr.contains("longshore approve"),
        "{} {}",
        ran.code(),
        ran.stderr
    );
    ensure!(
        longshore.search("topic7x0r0")? == ["part-0/doc-7.md"],
        "held removals stay searchable"
    );

    let kept = longshore.run(&["approve", "--reject"])?;
    ensure!(kept.stdout.contains("30 files kept"), "{}", kept.stdout);
    ensure!(longshore.search("topic7x0r0")? == ["part-0/doc-7.md"]);
    ensure!(
        longshore.once(&docs)?.code() == 3,
        "the next comparison asks again"
    );
    let gone = longshore.run(&["approve"])?;
    ensure!(gone.stdout.contains("30 files removed"), "{}", gone.stdout);
    longshore.once_ok(&docs)?;
    ensure!(longshore.search("topic7x0r0")?.is_empty());

    std::fs::rename(docs.file(".hidden-0"), docs.file("part-0"))?;
    longshore.once_ok(&docs)?;
    ensure!(
        longshore.search("topic7x0r0")? == ["part-0/doc-7.md"],
        "what comes back is indexed again"
    );
    Ok(())
}

#[test]
fn a_full_disk_loses_nothing() -> anyhow::Result<()> {
    let docs = Docs::with_files(60, 2)?;
    let longshore = Longshore::new(&[])?;
    let args = longshore.up_args(docs.path(), &["--once", "--patience", "3"]);
    // No file may grow beyond this many blocks of 512 bytes: every store runs into it sooner or later.
    for blocks in [8, 64, 200, 400, 1000] {
        let mut limited = Command::new("sh");
        limited
            .args([
                "-c",
                &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""),
            ])
            .arg(tests::longshore::binary())
            .args(&args)
            .arg("--data-dir")
            .arg(longshore.data_dir());
        let output = limited.output()?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{blocks} blocks: {} {stderr}", output.status);
        ensure!(output.status.code().is_some(), "ended by a signal: {stderr}");
        ensure!(
            !output.status.success(),
            "{blocks} blocks cannot be enough: {stderr}"
        );
    }
    let ran = longshore.once_ok(&docs)?;
    ensure!(
        ran.stderr.contains("60 files indexed, 0 skipped, 0 failed"),
        "{}",
        ran.stderr
    );
    for number in [0, 17, 59] {
        ensure!(longshore.search(&format!("topic{number}x1r0"))? == [Docs::name(number)]);
    }
    Ok(())
}

#[test]
fn the_data_folder_may_lie_inside_the_source() -> anyhow::Result<()> {
    let docs = Docs::with_files(3, 1)?;
    let inside = docs.file("index-data").to_string_lossy().into_owned();
    let output = Command::new(tests::longshore::binary())
        .args([
            "up",
            &docs.path().to_string_lossy(),
            "--once",
            "--data-dir",
            &inside,
        ])
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && stderr.contains("3 files indexed, 0 skipped"),
        "{stderr}"
    );
    ensure!(Path::new(&inside).join("ledger.sqlite").exists());
    Ok(())
}
