//! Identifiers, each its own type so that none is passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;

/// Namespace under which file ids are derived from index and path.
const FILE_NAMESPACE: Uuid = Uuid::from_u128(0x6c6f_6e67_7368_6f72_6500_6669_6c65_0001);
/// Namespace under which operation ids are derived from index and event.
const OPERATION_NAMESPACE: Uuid = Uuid::from_u128(0x6c6f_6e67_7368_6f72_6500_6f70_6572_0001);

/// An index's name: 1 to 63 of `a-z`, `0-9` and `-`, starting and ending with a letter or digit. A later generation of an
/// index is an index of its own, with `~` and its number behind the name: `docs~2`.
///
/// The name is used in routing keys, collection names and URLs, hence the narrow alphabet (that of a DNS label,
/// RFC 1123 section 2.1, and `~`, which a URL need not escape and no name of an index has).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IndexId(String);

/// The name is not a legal index name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an index name: use 1 to 63 lower-case letters, digits and inner hyphens, for example \"team-docs\""
)]
pub struct InvalidIndexId(pub String);

impl IndexId {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// When the name is empty, too long, or has a character outside the alphabet.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidIndexId> {
        let name = name.into();
        let legal = match name.split_once('~') {
            None => is_label(&name),
            // Written in one way only, so that equal generations have equal ids.
            Some((base, number)) => {
                is_label(base)
                    && generation_number(number)
                        .is_some_and(|parsed| parsed > 1 && parsed.to_string() == number)
            }
        };
        if legal {
            Ok(Self(name))
        } else {
            Err(InvalidIndexId(name))
        }
    }

    /// The name that people know: that of every generation of the index.
    #[must_use]
    pub fn base(&self) -> Self {
        Self(self.base_str().to_owned())
    }

    /// [`IndexId::base`] as text.
    #[must_use]
    pub fn base_str(&self) -> &str {
        self.0.split_once('~').map_or(self.as_str(), |(base, _)| base)
    }

    /// Which generation of the index it is, from 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        let number = self
            .0
            .split_once('~')
            .and_then(|(_, number)| generation_number(number));
        number.unwrap_or(1)
    }

    /// A generation of the index by its number; 0 and 1 are the first one.
    #[must_use]
    pub fn of_generation(&self, generation: u32) -> Self {
        if generation > 1 {
            Self(format!("{}~{generation}", self.base_str()))
        } else {
            self.base()
        }
    }

    /// The nearest legal name to free text such as a folder name; `"index"` when nothing is left of it.
    #[must_use]
    pub fn from_free_text(text: &str) -> Self {
        let mut name = String::new();
        for c in text.chars() {
            if c.is_ascii_alphanumeric() {
                name.push(c.to_ascii_lowercase());
            } else if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
            if name.len() == 63 {
                break;
            }
        }
        let name = name.trim_end_matches('-');
        Self(if name.is_empty() {
            "index".to_owned()
        } else {
            name.to_owned()
        })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Is it a label of the DNS, in lower case?
fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// The number of a generation, if it is one that can be: as many as anybody makes fit six digits.
fn generation_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number <= 999_999)
}

crate::schema::text_schema!(
    IndexId,
    "A name: 1 to 63 lower-case letters, digits and inner hyphens; `~` and a number for a later generation",
    "team-docs"
);

impl TryFrom<String> for IndexId {
    type Error = InvalidIndexId;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl From<IndexId> for String {
    fn from(id: IndexId) -> Self {
        id.0
    }
}

impl fmt::Display for IndexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IndexId {
    type Err = InvalidIndexId;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

/// Wraps [`Uuid`] in a type of its own with text and serde forms.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        crate::schema::text_schema!($name, "A UUID", "0198c0de-7a11-7000-8000-000000000001");

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// A file of an index: UUIDv5 of index name and path, so that an event names its row without a look-up.
    FileId
}
uuid_id! {
    /// One attempt at one version of a file. UUIDv7, made by the worker that claims (an unknown result can be read
    /// back), its time lets the scrub tell how old an unknown claim is.
    ClaimId
}
uuid_id! {
    /// A batch of work: a scan, a full run, a retry, or a burst of events. UUIDv7.
    RunId
}
uuid_id! {
    /// An event about a directory, in one index: UUIDv5 of both, so that an event which comes twice is one operation.
    OperationId
}
uuid_id! {
    /// A point in the vector store.
    PointId
}

uuid_id! {
    /// An API key. UUIDv7, so that keys are listed in the order in which they were made.
    KeyId
}
uuid_id! {
    /// An entry of the audit log. UUIDv7.
    AuditId
}

impl FileId {
    /// The id of `path` in `index`.
    #[must_use]
    pub fn of(index: &IndexId, path: &BlobPath) -> Self {
        // A newline can be in neither name of an index, so the pair is unambiguous.
        Self(Uuid::new_v5(
            &FILE_NAMESPACE,
            format!("{index}\n{path}").as_bytes(),
        ))
    }
}

impl ClaimId {
    /// A new claim id.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// A new claim id made at a time by its maker's clock.
    #[must_use]
    pub fn made_at(now: UnixMillis) -> Self {
        let millis = u64::try_from(now).unwrap_or_default();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &rand::random());
        Self(id.into_uuid())
    }

    /// When the id was made, in milliseconds since the Unix epoch by the clock of the worker that made it; `None` for
    /// ids that are not UUIDv7.
    #[must_use]
    pub fn made_at_millis(&self) -> Option<i64> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        i64::try_from(seconds)
            .ok()?
            .checked_mul(1000)?
            .checked_add(i64::from(nanos / 1_000_000))
    }
}

impl RunId {
    /// A new run id.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl KeyId {
    /// The key that is made when there is none yet: the same for every replica, so that only one of them makes it.
    pub const FIRST: Self = Self(Uuid::from_u128(1));

    /// A new key id.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl AuditId {
    /// A new entry's id.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl OperationId {
    /// The id of what `event` (its id in the source's words) means for `index`.
    #[must_use]
    pub fn of(index: &IndexId, event: &str) -> Self {
        Self(Uuid::new_v5(
            &OPERATION_NAMESPACE,
            format!("{index}\n{event}").as_bytes(),
        ))
    }
}

impl PointId {
    /// The id of a chunk of a claim. Unique per attempt: two attempts never write the same point, so a late write of a
    /// dead attempt cannot touch a live one.
    #[must_use]
    pub fn of(claim: ClaimId, ordinal: u32) -> Self {
        Self(Uuid::new_v5(&claim.0, &ordinal.to_be_bytes()))
    }
}

/// Identity of a blob's bytes: their BLAKE3 hash, in hexadecimal.
#[must_use]
pub fn content_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Identity of a chunk's text within an index: the first 16 bytes of its BLAKE3 hash, as 32 hexadecimal digits in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChunkHash(pub [u8; 16]);

impl ChunkHash {
    /// The hash of the exact text that is sent to the embedder.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
        Self(short)
    }
}

impl fmt::Display for ChunkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl From<ChunkHash> for String {
    fn from(hash: ChunkHash) -> Self {
        hash.to_string()
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a chunk hash of 32 hexadecimal digits")]
pub struct InvalidChunkHash(pub String);

impl TryFrom<String> for ChunkHash {
    type Error = InvalidChunkHash;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for ChunkHash {
    type Err = InvalidChunkHash;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16)
            .ok()
            .filter(|_| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(|number| Self(number.to_be_bytes()))
            .ok_or_else(|| InvalidChunkHash(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_names_are_dns_labels() {
        for good in ["a", "team-docs", "0", &"x".repeat(63)] {
            assert!(IndexId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "ä", &"x".repeat(64)] {
            assert!(IndexId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn generations_have_names_of_their_own() {
        let docs = IndexId::new("docs").unwrap();
        let third = docs.of_generation(3);
        assert_eq!(third.as_str(), "docs~3");
        assert_eq!(IndexId::new("docs~3"), Ok(third.clone()));
        assert_eq!((third.base(), third.generation()), (docs.clone(), 3));
        assert_eq!((docs.base(), docs.generation()), (docs.clone(), 1));
        assert_eq!(third.of_generation(1), docs);
        for bad in [
            "docs~1",
            "docs~0",
            "docs~",
            "docs~02",
            "docs~+2",
            "docs~2~2",
            "~2",
            "docs~1000000",
        ] {
            assert!(IndexId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn free_text_becomes_a_legal_name() {
        for (text, name) in [
            ("My Docs (2)", "my-docs-2"),
            ("ÄÖ", "index"),
            ("--", "index"),
            ("a__b", "a-b"),
        ] {
            let id = IndexId::from_free_text(text);
            assert_eq!(id.as_str(), name);
            assert_eq!(IndexId::new(id.as_str()), Ok(id));
        }
    }

    #[test]
    fn chunk_hash_round_trips_as_text() {
        let hash = ChunkHash::of("hello");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("+0000000000000000000000000000000".parse::<ChunkHash>().is_err());
        assert!("abc".parse::<ChunkHash>().is_err());
    }

    #[test]
    fn claim_ids_carry_their_time() {
        let before = uuid::Timestamp::now(uuid::NoContext).to_unix().0;
        let made = ClaimId::generate().made_at_millis().unwrap();
        assert!(made >= i64::try_from(before).unwrap() * 1000);
        assert_eq!(ClaimId::made_at(1_234_567).made_at_millis(), Some(1_234_567));
        assert_ne!(ClaimId::made_at(1), ClaimId::made_at(1));
        assert_eq!(ClaimId(Uuid::nil()).made_at_millis(), None);
    }
}
