//! Names of sources: which container, bucket or folder an index is made from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// A source. In text one of `azure://ACCOUNT/CONTAINER`, `s3://BUCKET`, `gs://BUCKET`, `file:///FOLDER`; how to get in
/// (keys, endpoints) is never part of the name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// A container of Azure Blob Storage or Data Lake Storage Gen2.
    Azure {
        /// The storage account, in lower case.
        account: String,
        /// The container, in Data Lake terms the file system.
        container: String,
    },
    /// A bucket of Amazon S3 or of a store that speaks the same protocol.
    S3 {
        /// The bucket.
        bucket: String,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// The bucket.
        bucket: String,
    },
    /// A folder of this machine, by its absolute path.
    Folder(PathBuf),
}

/// The text names no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a source{why}; use azure://ACCOUNT/CONTAINER, s3://BUCKET, gs://BUCKET or file:///FOLDER, with the \
     path inside it as the prefix of the index"
)]
pub struct InvalidSource {
    text: String,
    why: &'static str,
}

crate::schema::text_schema!(
    Source,
    "`azure://ACCOUNT/CONTAINER`, `s3://BUCKET`, `gs://BUCKET` or `file:///FOLDER`",
    "s3://team-docs"
);

impl Source {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with('/') {
            return Ok(Self::Folder(PathBuf::from(text)));
        }
        let url = Url::parse(text).map_err(|_| "")?;
        if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(": keys and options do not belong into its name");
        }
        if url.scheme() == "file" {
            return url
                .to_file_path()
                .map(Self::Folder)
                .map_err(|()| ": the folder must be absolute");
        }
        let host = url.host_str().unwrap_or_default();
        let segments: Vec<&str> = url
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        match (url.scheme(), segments.as_slice()) {
            ("azure" | "az", [container]) => Self::azure(host, container),
            ("https", [container]) => Self::azure(account_of(host).ok_or("")?, container),
            ("abfs" | "abfss", []) => Self::azure(account_of(host).ok_or("")?, url.username()),
            ("s3", []) => name(host).map(|bucket| Self::S3 { bucket }),
            ("gs", []) => name(host).map(|bucket| Self::Gcs { bucket }),
            ("azure" | "az", []) => Err(": the container is missing"),
            ("azure" | "az" | "abfs" | "abfss" | "s3" | "gs", _) => {
                Err(": it ends with the container or bucket")
            }
            _ => Err(""),
        }
    }

    fn azure(account: &str, container: &str) -> Result<Self, &'static str> {
        Ok(Self::Azure {
            // Host names have no case, and events may use any.
            account: name(account)?.to_ascii_lowercase(),
            container: name(container)?,
        })
    }

    /// The kind, for metrics: `azure`, `s3`, `gcs`, `folder`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Azure { .. } => "azure",
            Self::S3 { .. } => "s3",
            Self::Gcs { .. } => "gcs",
            Self::Folder(_) => "folder",
        }
    }
}

fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.contains('%') {
        Err(": a name in it is missing or has characters that no container, bucket or account has")
    } else {
        Ok(text.to_owned())
    }
}

/// The account in the host name of a blob or Data Lake endpoint.
fn account_of(host: &str) -> Option<&str> {
    let (account, service) = host.split_once('.')?;
    let known = ["blob.core.", "dfs.core."]
        .iter()
        .any(|known| service.starts_with(known));
    known.then_some(account)
}

impl FromStr for Source {
    type Err = InvalidSource;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).map_err(|why| InvalidSource {
            // Whatever follows a user name or a question mark may be a key.
            text: if why.contains("keys") {
                "the URL".to_owned()
            } else {
                text.to_owned()
            },
            why,
        })
    }
}

impl TryFrom<String> for Source {
    type Error = InvalidSource;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Azure { account, container } => write!(f, "azure://{account}/{container}"),
            Self::S3 { bucket } => write!(f, "s3://{bucket}"),
            Self::Gcs { bucket } => write!(f, "gs://{bucket}"),
            Self::Folder(path) => match Url::from_file_path(path) {
                Ok(url) => url.fmt(f),
                Err(()) => path.display().fmt(f),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        for (text, canonical) in [
            ("azure://acct/docs", "azure://acct/docs"),
            ("az://acct/docs/", "azure://acct/docs"),
            ("https://acct.blob.core.windows.net/docs", "azure://acct/docs"),
            ("abfss://docs@acct.dfs.core.windows.net/", "azure://acct/docs"),
            (
                "https://acct.blob.core.chinacloudapi.cn/$web",
                "azure://acct/$web",
            ),
            ("s3://bucket", "s3://bucket"),
            ("gs://bucket/", "gs://bucket"),
            ("file:///srv/my%20docs", "file:///srv/my%20docs"),
            ("/srv/my docs", "file:///srv/my%20docs"),
        ] {
            let source: Source = text.parse().unwrap();
            assert_eq!(source.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(source));
        }
    }

    #[test]
    fn everything_else_is_refused_with_advice() {
        for text in [
            "",
            "docs",
            "azure://acct",
            "azure:///docs",
            "azure://acct/docs/below",
            "s3://",
            "s3://bucket/key",
            "https://example.com/docs",
            "ftp://host/x",
            "file://host/x",
            "abfss://acct.dfs.core.windows.net/docs",
        ] {
            let error = text.parse::<Source>().unwrap_err().to_string();
            assert!(error.contains("azure://ACCOUNT/CONTAINER"), "{error}");
        }
    }

    #[test]
    fn keys_in_a_name_are_not_repeated() {
        for text in ["azure://acct/docs?sig=s3cret", "s3://key:s3cret@bucket"] {
            let error = text.parse::<Source>().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
