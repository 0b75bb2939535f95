//! The first key of a new ledger. It goes into a file that only this account can read, never into a log.
//!
//! The file is written before the ledger knows of the key: a process that dies in between leaves a file whose key the next
//! start makes valid. Of several replicas on one ledger, one key wins; the others take their files away again.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use shared::ids::KeyId;
use shared::ledger::{ControlLedger, NewKey};
use shared::secret::Secret;

use super::secret;
use crate::http::access::Scope;

/// Makes an admin key if there has never been a key, and leaves it in `file`. `true` when the key in the file is that key.
///
/// # Errors
/// When the file cannot be written or read, or the ledger fails.
pub(crate) async fn ensure(ledger: &dyn ControlLedger, file: &Path) -> anyhow::Result<bool> {
    let kept = read(file).with_context(|| format!("the key file {} cannot be read", file.display()))?;
    if ledger.any_key().await? && kept.is_none() {
        return Ok(false);
    }
    let (secret, ours) = match kept {
        Some(secret) => (secret, false),
        None => {
            let made = secret::new().0;
            let written = write(file, &made);
            written.with_context(|| format!("the key file {} cannot be written", file.display()))?;
            // Another replica may have been faster with the same file.
            let there = read(file).with_context(|| format!("the key file {} vanished", file.display()))?;
            let there = there.with_context(|| format!("the key file {} vanished", file.display()))?;
            let ours = there == made;
            (there, ours)
        }
    };
    let mark = secret::mark(secret.expose()).with_context(|| {
        let name = file.display();
        format!("the key file {name} holds no key: remove it, or name another file")
    })?;
    let key = NewKey {
        id: KeyId::FIRST,
        name: "first key".to_owned(),
        scopes: BTreeSet::from([Scope::Admin]),
        indexes: None,
        expires_at: None,
        secret: mark,
    };
    let valid = ledger.create_first_key(&key).await?;
    if !valid && ours {
        std::fs::remove_file(file).with_context(|| format!("removing {}", file.display()))?;
    }
    Ok(valid)
}

fn read(file: &Path) -> io::Result<Option<Secret>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(Secret::new(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the file whole, or not at all if there is one.
fn write(file: &Path, secret: &Secret) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let draft = folder.join(format!(".{}.draft", uuid::Uuid::new_v4().simple()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut to| {
        writeln!(to, "{}", secret.expose())?;
        to.sync_all()
    });
    let linked = written.and_then(|()| match std::fs::hard_link(&draft, file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    std::fs::remove_file(&draft).ok();
    linked?;
    // The name is in the folder for good, too.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::clock::{Clock, SystemClock};
    use shared::ledger::Keys as _;
    use shared::ledger::model::ModelLedger;
    use shared::ledger::sqlite::SqliteLedger;

    use super::*;

    fn ledger() -> ModelLedger {
        ModelLedger::new(Arc::new(SystemClock) as Arc<dyn Clock>)
    }

    async fn opens(ledger: &ModelLedger, file: &Path) -> bool {
        let text = std::fs::read_to_string(file).unwrap();
        let mark = secret::mark(text.trim()).unwrap();
        let found = ledger.find_key(&mark.prefix).await.unwrap();
        found.is_some_and(|found| found.hash == mark.hash)
    }

    #[tokio::test]
    async fn the_first_key_is_in_a_file_that_others_cannot_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let (ledger, folder) = (ledger(), tempfile::tempdir().unwrap());
        let file = folder.path().join("key");
        assert!(ensure(&ledger, &file).await.unwrap());
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(opens(&ledger, &file).await);
        assert!(ensure(&ledger, &file).await.unwrap(), "again, it is the same");
        assert_eq!(ledger.keys(None, 10).await.unwrap().len(), 1);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }

    #[tokio::test]
    async fn a_crash_between_file_and_ledger_is_made_up_for() {
        let (ledger, folder) = (ledger(), tempfile::tempdir().unwrap());
        let file = folder.path().join("key");
        write(&file, &secret::new().0).unwrap();
        assert!(ensure(&ledger, &file).await.unwrap());
        assert!(opens(&ledger, &file).await);
    }

    #[tokio::test]
    async fn of_two_replicas_one_has_the_key() {
        // One that takes its time, so that both replicas see that there is no key.
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (ledger, folder) = (
            SqliteLedger::in_memory(&clock).unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let (first, second) = tokio::join!(ensure(&*ledger, &one), ensure(&*ledger, &two));
        assert_ne!(first.unwrap(), second.unwrap());
        assert_ne!(
            one.exists(),
            two.exists(),
            "the other has no file that opens nothing"
        );
        let shared = folder.path().join("shared");
        assert!(!ensure(&*ledger, &shared).await.unwrap());
        assert!(!shared.exists(), "a ledger with keys gets no other first one");
    }

    #[tokio::test]
    async fn a_file_with_something_else_is_left_alone() {
        let (ledger, folder) = (ledger(), tempfile::tempdir().unwrap());
        let file = folder.path().join("notes");
        std::fs::write(&file, "s3cret notes").unwrap();
        let error = format!("{:#}", ensure(&ledger, &file).await.unwrap_err());
        assert!(
            error.contains("holds no key") && !error.contains("s3cret"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "s3cret notes");
    }
}
