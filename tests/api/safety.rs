//! Nothing answers without a key but health, and no request of any form is answered with what it must not see. On both
//! databases, through the front door.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::fleet::{ADMIN_KEY, Fleet};
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::random::seed;
use tests::wait;
use tests::walk::Walk;
use tokio::runtime::Runtime;

/// Walks through a service, and lets clients race for its keys.
async fn walk_through(base: &str, admin: &str) -> anyhow::Result<()> {
    let walk = Walk::begin(base, admin).await?;
    let walked = walk.everything().await?;
    ensure!(walked.operations > 20 && walked.refused > 200, "{walked:?}");
    let key = async |name: &str| -> anyhow::Result<String> {
        walk.key(&json!({ "name": name, "scopes": ["search"] })).await?;
        let keys = walk.get("/apiKeys?limit=1000").await?;
        let keys = keys["keys"].as_array().context("no keys")?;
        let made = keys
            .iter()
            .find(|key| key["name"] == name)
            .context("it is not listed")?;
        Ok(made["id"].as_str().context("no id")?.to_owned())
    };
    let rotated = key("rotated").await?;
    let statuses = walk
        .race(Method::POST, &format!("/apiKeys/{rotated}/rotate"), 8)
        .await?;
    ensure!(
        statuses == [200, 409, 409, 409, 409, 409, 409, 409],
        "{statuses:?}"
    );
    let revoked = key("revoked").await?;
    let statuses = walk
        .race(Method::DELETE, &format!("/apiKeys/{revoked}"), 8)
        .await?;
    ensure!(statuses == [200; 8], "{statuses:?}");

    // Each change is in the audit log with its outcome, and no secret in it.
    let audit = walk.get("/audit?limit=1000").await?;
    let entries = audit["entries"].as_array().context("no entries")?;
    let rotations: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["action"] == "keys_rotate" && entry["path"].to_string().contains(&rotated))
        .collect();
    ensure!(rotations.len() == 8, "{rotations:?}");
    ensure!(
        rotations.iter().all(|entry| entry["status"].is_u64()),
        "{rotations:?}"
    );
    ensure!(!audit.to_string().contains("lsk_"), "{audit}");
    Ok(())
}

#[test]
fn the_embedded_mode_with_keys_answers_nobody_without_one() -> anyhow::Result<()> {
    let longshore = Longshore::new(&[])?.with_variable("LONGSHORE_ADMIN_KEY", ADMIN_KEY);
    let docs = Docs::with_files(3, 2)?;
    let up = longshore.up(&docs, &[])?;
    Runtime::new()?.block_on(walk_through(up.url(), ADMIN_KEY))?;
    wait::until("commands to send the key of this machine", || {
        Ok((longshore.search("word2")? == [Docs::name(2)]).then_some(()))
    })?;
    ensure!(!up.log().contains(ADMIN_KEY), "{}", up.log());
    Ok(())
}

#[test]
fn a_fleet_answers_nobody_without_a_key() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    let url = fleet.control[0].url()?;
    Runtime::new()?.block_on(walk_through(&url, ADMIN_KEY))?;
    let log = fleet.control[0].log();
    ensure!(
        !log.contains(ADMIN_KEY) && !log.contains("open-sesame") && !log.contains("lsk_"),
        "{log}"
    );
    Ok(())
}

#[test]
fn beyond_this_machine_a_first_key_is_made() -> anyhow::Result<()> {
    let longshore = Longshore::new(&[])?;
    let docs = Docs::with_files(3, 2)?;
    let up = longshore.up(&docs, &["--listen", "0.0.0.0:0"])?;
    let file = longshore.data_dir().join("admin.key");
    let mode = std::fs::metadata(&file)?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "others may read the key: {mode:o}");
    let key = std::fs::read_to_string(&file)?;
    let status = |key: &str| -> anyhow::Result<u16> {
        let url = up.url().replace("0.0.0.0", "127.0.0.1");
        Runtime::new()?.block_on(async {
            let request = reqwest::Client::builder()
                .no_proxy()
                .build()?
                .get(format!("{url}/indexes"));
            Ok(request.bearer_auth(key).send().await?.status().as_u16())
        })
    };
    ensure!(status("wrong")? == 401 && status(key.trim())? == 200);
    wait::until("commands to find the key", || {
        Ok((longshore.search("word2")? == [Docs::name(2)]).then_some(()))
    })?;
    ensure!(!up.log().contains(key.trim()), "{}", up.log());
    drop(up);
    let up = longshore.up(&docs, &["--listen", "0.0.0.0:0"])?;
    ensure!(std::fs::read_to_string(&file)? == key, "the key is made once");
    drop(up);

    let open = longshore.run(&longshore.up_args(
        docs.path(),
        &[
            "--listen",
            "0.0.0.0:0",
            "--insecure-no-keys",
            "--bootstrap-key-file",
            "x",
        ],
    ))?;
    ensure!(
        open.code() != 0 && open.stderr.contains("contradicts"),
        "{open:?}"
    );
    Ok(())
}

/// A certificate for this machine, in `folder`.
fn certificate(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", &format!("/CN={name}")])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            "key.new",
            "-out",
            "cert.new",
        ])
        .current_dir(folder)
        .output()
        .context("openssl is needed to make a certificate")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::rename(folder.join("key.new"), folder.join("key.pem"))?;
    std::fs::rename(folder.join("cert.new"), folder.join("cert.pem"))?;
    Ok(std::fs::read(folder.join("cert.pem"))?)
}

#[test]
fn certificates_are_exchanged_while_it_serves() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let first = certificate(folder.path(), "first")?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let longshore = Longshore::new(&[])?.with_variable("LONGSHORE_ADMIN_KEY", ADMIN_KEY);
    let docs = Docs::with_files(1, 1)?;
    let up = longshore.up(&docs, &["--tls-cert", &cert, "--tls-key", &key])?;
    ensure!(up.url().starts_with("https://"), "{}", up.url());
    let runtime = Runtime::new()?;
    let answers = |trusted: &[u8]| -> anyhow::Result<bool> {
        let trusted = reqwest::Certificate::from_pem(trusted)?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([trusted])
            .build()?;
        let request = http.get(format!("{}/indexes", up.url())).bearer_auth(ADMIN_KEY);
        Ok(runtime
            .block_on(request.send())
            .is_ok_and(|answer| answer.status() == 200))
    };
    ensure!(answers(&first)?, "{}", up.log());
    let second = certificate(folder.path(), "second")?;
    wait::until("the new certificate to be used", || {
        Ok(answers(&second)?.then_some(()))
    })?;
    ensure!(!answers(&first)?, "the old one is not shown any more");
    Ok(())
}
