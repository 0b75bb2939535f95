//! Cursors: opaque to clients, good for the listing that gave them and no other.
//!
//! A cursor holds where the next page begins, sealed with a short hash of the listing's scope (its route and filters). The
//! hash keeps a cursor from being used with other filters or made up by hand; it is no protection of anything, and needs to
//! be none: whatever a cursor says, only what the caller may see is listed after it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::errors::{ApiError, ErrorCode};

/// Bytes of the seal.
const SEAL: usize = 8;

fn seal_of(scope: &str, place: &[u8]) -> [u8; SEAL] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(scope.len() as u64).to_be_bytes());
    hasher.update(scope.as_bytes());
    hasher.update(place);
    let mut seal = [0; SEAL];
    seal.copy_from_slice(&hasher.finalize().as_bytes()[..SEAL]);
    seal
}

/// The cursor for a place in a listing.
pub(super) fn seal<T: Serialize>(scope: &str, place: &T) -> String {
    // A place is numbers and texts: writing it cannot fail.
    let place = serde_json::to_vec(place).unwrap_or_default();
    let mut bytes = seal_of(scope, &place).to_vec();
    bytes.extend(place);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor names.
///
/// # Errors
/// 400 when this listing has not given it.
pub(super) fn open<T: DeserializeOwned>(scope: &str, cursor: &str) -> Result<T, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place = bytes.as_deref().and_then(|bytes| {
        let (seal, place) = bytes.split_at_checked(SEAL)?;
        (seal == seal_of(scope, place)).then_some(place)
    });
    place
        .and_then(|place| serde_json::from_slice(place).ok())
        .ok_or_else(|| {
            let detail = "this listing has not given this cursor: send it as it came, with the same filters";
            ApiError::new(ErrorCode::InvalidCursor, detail)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_listing_only() {
        let cursor = seal("files docs FAILED", &"a.md");
        assert_eq!(open::<String>("files docs FAILED", &cursor).unwrap(), "a.md");
        for (scope, cursor) in [
            ("files docs", cursor.as_str()),
            ("files docs FAILED", "a.md"),
            ("files docs FAILED", ""),
            ("files docs FAILED", "\u{fffd}%00"),
            ("files docs FAILED", &cursor[1..]),
            ("files docs FAILED", &format!("{cursor}AAAA")),
        ] {
            let refused = open::<String>(scope, cursor).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::InvalidCursor, "{cursor}");
        }
        assert!(
            open::<u64>("files docs FAILED", &cursor).is_err(),
            "another kind of place"
        );
    }
}
