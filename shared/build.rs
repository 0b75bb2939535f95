//! Says which commit a release is built from.
//!
//! `LONGSHORE_COMMIT` names it where there is no repository, as in a container's build; an archive that Git made (`git archive`, or
//! what a forge offers) holds it in the file `COMMIT`; otherwise Git is asked. Only builds with optimisation ask: everything depends
//! on this crate, and a developer should not build it all anew after each commit.

use std::env;
use std::fs;
use std::process::Command;

/// Characters of a commit that are shown.
const SHOWN: usize = 12;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=COMMIT");
    println!("cargo:rerun-if-env-changed=LONGSHORE_COMMIT");
    let given = text("LONGSHORE_COMMIT");
    let release = text("PROFILE").as_deref() == Some("release");
    let commit = given
        .or_else(archived)
        .or_else(|| if release { head() } else { None });
    let shown: String = commit
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(SHOWN)
        .collect();
    let build = if shown.is_empty() {
        String::new()
    } else {
        format!(" ({shown})")
    };
    println!("cargo:rustc-env=LONGSHORE_BUILD={build}");
}

fn text(variable: &str) -> Option<String> {
    let value = env::var_os(variable)?.into_string().ok()?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// What Git wrote into an archive of the sources. In a repository a placeholder is there instead.
fn archived() -> Option<String> {
    let text = fs::read_to_string("COMMIT").ok()?;
    let commit = text.trim();
    (!commit.is_empty() && commit.chars().all(|character| character.is_ascii_hexdigit()))
        .then(|| commit.to_owned())
}

/// The commit that is checked out, and a wish to be asked again when that changes. Sources that were unpacked inside of another
/// repository are not at its commit.
fn head() -> Option<String> {
    if git(&["rev-parse", "--show-prefix"])? != "shared/" {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--path-format=absolute", "--git-path", name]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}
