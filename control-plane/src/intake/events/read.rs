//! Fields and paths out of events that may hold anything.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use shared::blob_path::BlobPath;

use super::Unreadable;

/// Longest sequencer that is kept: it goes into every entry of a file's history. Azure's have 48 characters.
const MAX_SEQUENCER_BYTES: usize = 128;

/// The body as JSON.
pub(super) fn json(body: &[u8]) -> Result<Value, Unreadable> {
    serde_json::from_slice(body).map_err(|error| Unreadable(format!("the body is not JSON: {error}")))
}

/// A text that must be there. `pointer` is a JSON pointer.
pub(super) fn text<'a>(event: &'a Value, pointer: &str) -> Result<&'a str, String> {
    let name = || pointer.trim_start_matches('/').replace('/', ".");
    match event.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() && !text.contains('\0') => Ok(text),
        None | Some(Value::Null) => Err(format!("it has no {}", name())),
        Some(_) => Err(format!(
            "its {} is not a text, or is empty, or has a NUL in it",
            name()
        )),
    }
}

/// A text that may be missing; what is no proper text counts as missing.
pub(super) fn optional<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    text(event, pointer).ok()
}

/// The order that the source gives the event, unless it is too long to be one.
pub(super) fn sequencer(event: &Value, pointer: &str) -> Option<String> {
    optional(event, pointer)
        .filter(|sequencer| sequencer.len() <= MAX_SEQUENCER_BYTES)
        .map(str::to_owned)
}

/// `%41` becomes `A`.
pub(super) fn percent_decoded(name: &str) -> Result<String, String> {
    percent_decode_str(name)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| format!("the name {name:?} is not UTF-8 once its percent signs are decoded"))
}

/// A blob's path; `None` for the placeholder that stands for a folder, which has no content.
pub(super) fn blob_path(name: &str) -> Result<Option<BlobPath>, String> {
    checked(name.trim_end_matches('/'), name).map(|path| (!name.ends_with('/')).then_some(path))
}

/// A directory's path, without slash at its end.
pub(super) fn directory(name: &str) -> Result<String, String> {
    checked(name.trim_end_matches('/'), name).map(String::from)
}

fn checked(name: &str, as_said: &str) -> Result<BlobPath, String> {
    // Nobody names a blob `%2e%2e`, but whoever passes the name on may decode it once more.
    let decoded = percent_decode_str(name).decode_utf8_lossy();
    if decoded.split(['/', '\\']).any(|segment| segment == "..") {
        return Err(format!("the path {as_said:?} climbs out of its container"));
    }
    BlobPath::new(name).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_checked_also_behind_an_encoding() {
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "a//b",
            "../a",
            "a/../b",
            "a/%2e%2e/b",
            "%2E%2E%2fb",
            "..\\b",
            "a\0",
        ] {
            assert!(blob_path(bad).is_err(), "{bad:?}");
            assert!(directory(bad).is_err(), "{bad:?}");
        }
        let path = |name: &str| blob_path(name).unwrap().map(String::from);
        assert_eq!(path("100%/ü b+c.md").as_deref(), Some("100%/ü b+c.md"));
        assert_eq!(path("..a/b..").as_deref(), Some("..a/b.."));
        assert_eq!(path("folder/"), None, "a placeholder");
        assert_eq!(directory("a/b/").as_deref(), Ok("a/b"));
    }

    #[test]
    fn fields_say_what_is_wrong_with_them() {
        let event = json!({ "a": { "b": "c", "n": 1 }, "null": null });
        assert_eq!(text(&event, "/a/b"), Ok("c"));
        assert_eq!(text(&event, "/a/x").unwrap_err(), "it has no a.x");
        assert_eq!(text(&event, "/null").unwrap_err(), "it has no null");
        assert!(text(&event, "/a/n").unwrap_err().contains("a.n is not a text"));
        let odd = json!({ "nul": "a\0", "long": "1".repeat(200), "fits": "0042" });
        assert!(text(&odd, "/nul").is_err() && optional(&odd, "/nul").is_none());
        assert_eq!(sequencer(&odd, "/long"), None);
        assert_eq!(sequencer(&odd, "/fits").as_deref(), Some("0042"));
        assert_eq!(percent_decoded("a%20b+%C3%BC%25"), Ok("a b+ü%".to_owned()));
        assert!(percent_decoded("%ff").is_err());
    }
}
