//! What Azure Storage says in both of its envelopes (`event_grid.rs`, `cloud_events.rs`).
//!
//! From <https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage>: the envelope names the account's resource, the
//! subject `/blobServices/default/containers/{container}/blobs/{path}`, and `data` has `url`, or
//! `sourceUrl` and `destinationUrl`, which may be of the blob or of the Data Lake endpoint.
//!
//! The page does not say how names are written. Reports show that the subject has the name as it is, without any
//! encoding (with U+FFFD in place of what it cannot write), and that URLs may or may not be encoded. So the subject
//! counts, and a URL is read only for what the subject does not tell. `api`, `eTag`, `contentLength` and
//! `recursive` are not looked at: the blob itself will tell.

use serde_json::Value;

use super::read::{blob_path, directory, optional, percent_decoded, sequencer, text};
use super::{BlobEvent, BlobEventKind, Source};

/// An event out of its envelope.
pub(super) struct StorageEvent<'a> {
    pub(super) id: String,
    /// `eventType` or `type`.
    pub(super) kind: &'a str,
    /// `topic` or `source`: the account's resource id.
    pub(super) resource: Option<&'a str>,
    pub(super) subject: Option<&'a str>,
    /// The whole event; what the store says is in its `data`.
    pub(super) event: &'a Value,
}

/// What it means; nothing for types that change no content.
pub(super) fn meaning(event: &StorageEvent<'_>) -> Result<Vec<BlobEvent>, String> {
    let Some(kind) = event.kind.strip_prefix("Microsoft.Storage.") else {
        return Ok(Vec::new());
    };
    match kind {
        "BlobCreated" => event.one(|path| Ok(blob_path(path)?.map(|path| BlobEventKind::Changed { path }))),
        "BlobDeleted" => event.one(|path| Ok(blob_path(path)?.map(|path| BlobEventKind::Removed { path }))),
        "DirectoryCreated" => {
            event.one(|path| directory(path).map(|path| Some(BlobEventKind::DirectoryCreated { path })))
        }
        "DirectoryDeleted" => {
            event.one(|path| directory(path).map(|path| Some(BlobEventKind::DirectoryRemoved { path })))
        }
        "BlobRenamed" => event.blob_renamed(),
        "DirectoryRenamed" => event.directory_renamed(),
        _ => Ok(Vec::new()),
    }
}

impl StorageEvent<'_> {
    fn one(
        &self,
        kind: impl Fn(&str) -> Result<Option<BlobEventKind>, String>,
    ) -> Result<Vec<BlobEvent>, String> {
        let spot = self.spot("/data/url")?;
        let kind = kind(&spot.path)?;
        Ok(kind.map(|kind| self.event_at(&spot, kind)).into_iter().collect())
    }

    fn blob_renamed(&self) -> Result<Vec<BlobEvent>, String> {
        let (source, target) = self.both_ends()?;
        let ends = (blob_path(&source.path)?, blob_path(&target.path)?);
        let (Some(from), Some(to)) = ends else {
            return Ok(Vec::new());
        };
        if source.container == target.container {
            return Ok(vec![self.event_at(&target, BlobEventKind::Renamed { from, to })]);
        }
        Ok(vec![
            self.event_at(&target, BlobEventKind::Changed { path: to }),
            self.event_at(&source, BlobEventKind::Removed { path: from }),
        ])
    }

    fn directory_renamed(&self) -> Result<Vec<BlobEvent>, String> {
        let (source, target) = self.both_ends()?;
        let (from, to) = (directory(&source.path)?, directory(&target.path)?);
        if source.container == target.container {
            return Ok(vec![
                self.event_at(&target, BlobEventKind::DirectoryRenamed { from, to }),
            ]);
        }
        Ok(vec![
            self.event_at(&target, BlobEventKind::DirectoryArrived { path: to }),
            self.event_at(&source, BlobEventKind::DirectoryRemoved { path: from }),
        ])
    }

    /// A rename's source and target. Both are in one account.
    fn both_ends(&self) -> Result<(Spot, Spot), String> {
        let target = self.spot("/data/destinationUrl")?;
        let source = BlobUrl::read(text(self.event, "/data/sourceUrl")?)?;
        // A target URL that is written like the subject although it has a percent sign shows that URLs are not encoded
        // here.
        let plain = optional(self.event, "/data/destinationUrl")
            .and_then(|url| BlobUrl::read(url).ok())
            .is_some_and(|url| url.path.contains('%') && url.path == target.path);
        let source = Spot {
            account: target.account.clone(),
            ..source.spot(!plain)?
        };
        Ok((source, target))
    }

    /// Where it happened: from the subject, and from the URL what that does not tell.
    fn spot(&self, url: &str) -> Result<Spot, String> {
        let account = self.resource.and_then(account_of_resource);
        let subject = self.subject.and_then(named_by_subject);
        // The replacement character stands for something that only the URL may still tell.
        let lossy = |(_, path): &(&str, &str)| {
            path.contains('\u{fffd}')
                && optional(self.event, url).is_some_and(|url| !url.contains('\u{fffd}'))
        };
        if let Some((container, path)) = subject.filter(|subject| !lossy(subject)) {
            let account = match account {
                Some(account) => account,
                None => BlobUrl::read(text(self.event, url)?)?
                    .account
                    .to_ascii_lowercase(),
            };
            return Ok(Spot {
                account,
                container: container.to_owned(),
                path: path.to_owned(),
            });
        }
        let spot = BlobUrl::read(text(self.event, url)?)?.spot(true)?;
        Ok(Spot {
            account: account.unwrap_or(spot.account),
            ..spot
        })
    }

    fn event_at(&self, spot: &Spot, kind: BlobEventKind) -> BlobEvent {
        BlobEvent {
            id: self.id.clone(),
            place: Source::Azure {
                account: spot.account.clone(),
                container: spot.container.clone(),
            },
            kind,
            sequencer: sequencer(self.event, "/data/sequencer"),
        }
    }
}

/// A place and a name in it, as text.
struct Spot {
    account: String,
    container: String,
    path: String,
}

/// The account in `/subscriptions/…/providers/Microsoft.Storage/storageAccounts/{account}`; resource ids do not
/// distinguish capitals.
fn account_of_resource(resource: &str) -> Option<String> {
    let mut segments = resource.split('/');
    segments.find(|segment| segment.eq_ignore_ascii_case("storageAccounts"))?;
    segments
        .next()
        .filter(|account| !account.is_empty())
        .map(str::to_ascii_lowercase)
}

/// Container and path in `/blobServices/default/containers/{container}/blobs/{path}`.
fn named_by_subject(subject: &str) -> Option<(&str, &str)> {
    let rest = subject.strip_prefix("/blobServices/default/containers/")?;
    rest.split_once("/blobs/")
        .filter(|(container, path)| !container.is_empty() && !container.contains('/') && !path.is_empty())
}

/// A blob's URL in its parts, as written. It is only ever read, never followed.
struct BlobUrl<'a> {
    account: &'a str,
    container: &'a str,
    path: &'a str,
}

impl<'a> BlobUrl<'a> {
    fn read(url: &'a str) -> Result<Self, String> {
        let parts = || {
            let (scheme, rest) = url.split_once("://")?;
            if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
                return None;
            }
            // A query may be a key. A `#` is part of a name that was not encoded: blob URLs have no fragments.
            let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
            let (authority, rest) = rest.split_once('/')?;
            let host = authority.split_once(':').map_or(authority, |(host, _)| host);
            let (account, services) = host.split_once('.').unwrap_or((host, ""));
            // `account.blob.core.windows.net`, `account.z01.dfs.storage.azure.net`, `account.privatelink.blob.…`;
            // otherwise an emulator, whose URLs begin with the account: `http://127.0.0.1:10000/account/…`.
            let hosted = services
                .split('.')
                .any(|label| label.eq_ignore_ascii_case("blob") || label.eq_ignore_ascii_case("dfs"));
            let (account, rest) = if hosted {
                (account, rest)
            } else {
                rest.split_once('/')?
            };
            let (container, path) = rest.split_once('/')?;
            let complete = ![account, container, path].contains(&"") && !authority.contains('@');
            complete.then_some(Self {
                account,
                container,
                path,
            })
        };
        // The URL is not repeated: somebody may have put a key into it.
        parts().ok_or_else(|| "its URL does not name account, container and path of a blob".to_owned())
    }

    fn spot(&self, encoded: bool) -> Result<Spot, String> {
        let path = if encoded {
            percent_decoded(self.path)?
        } else {
            self.path.to_owned()
        };
        Ok(Spot {
            account: self.account.to_ascii_lowercase(),
            container: percent_decoded(self.container)?,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_account_container_and_path() {
        for (url, expected) in [
            (
                "https://Acct.blob.core.windows.net/docs/a/b.md",
                ("Acct", "docs", "a/b.md"),
            ),
            (
                "https://acct.dfs.core.windows.net/docs/a%20b",
                ("acct", "docs", "a%20b"),
            ),
            (
                "https://acct.z39.blob.storage.azure.net/docs/a",
                ("acct", "docs", "a"),
            ),
            (
                "https://acct.privatelink.blob.core.windows.net/$web/a",
                ("acct", "$web", "a"),
            ),
            (
                "http://127.0.0.1:10000/devstoreaccount1/docs/a/b",
                ("devstoreaccount1", "docs", "a/b"),
            ),
            (
                "http://azurite:10000/devstoreaccount1/docs/a#1.md?sig=x",
                ("devstoreaccount1", "docs", "a#1.md"),
            ),
        ] {
            let read = BlobUrl::read(url).unwrap();
            assert_eq!((read.account, read.container, read.path), expected, "{url}");
        }
        for bad in [
            "",
            "acct.blob.core.windows.net/docs/a",
            "file:///docs/a/b/c",
            "https://acct.blob.core.windows.net",
            "https://acct.blob.core.windows.net/docs",
            "https://acct.blob.core.windows.net/docs/",
            "https://acct.blob.core.windows.net//a",
            "https://evil@acct.blob.core.windows.net/docs/a",
            "http://127.0.0.1:10000/devstoreaccount1/docs",
        ] {
            assert!(BlobUrl::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn subjects_and_resources() {
        assert_eq!(
            named_by_subject("/blobServices/default/containers/docs/blobs/a/blobs/b.md"),
            Some(("docs", "a/blobs/b.md"))
        );
        for bad in [
            "",
            "/blobServices/default/containers/docs",
            "/blobServices/default/containers/docs/blobs/",
            "/blobServices/default/containers//blobs/a",
            "/blobServices/default/containers/a/b/blobs/c",
            "/fileServices/default/shares/a",
        ] {
            assert_eq!(named_by_subject(bad), None, "{bad}");
        }
        let account = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Storage/StorageAccounts/Acct";
        assert_eq!(account_of_resource(account).as_deref(), Some("acct"));
        assert_eq!(account_of_resource("/subscriptions/1/storageAccounts/"), None);
        assert_eq!(account_of_resource("urn:other"), None);
    }
}
