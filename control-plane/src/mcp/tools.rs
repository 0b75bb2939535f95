//! The tools as models see them. Each word costs every conversation: descriptions are short, and schemas are written by
//! hand, without the references and alternatives with null that derived ones have.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::arguments::{DEFAULT_BYTES, DEFAULT_PASSAGES};
use crate::search::document::MAX_BYTES;
use crate::search::{MAX_LIMIT, MAX_QUERY_CHARS};

/// Most characters of a name that is told back.
const CLIPPED: usize = 64;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    ListIndexes,
    Search,
    GetDocument,
    FileStatus,
}

impl Name {
    /// Every tool, in the order that they are listed in.
    pub(super) const ALL: [Self; 4] = [
        Self::Search,
        Self::GetDocument,
        Self::FileStatus,
        Self::ListIndexes,
    ];

    /// The tool of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.text() == name)
    }

    /// Its name.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::ListIndexes => "list_indexes",
            Self::Search => "search",
            Self::GetDocument => "get_document",
            Self::FileStatus => "file_status",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::ListIndexes => "List indexes",
            Self::Search => "Search documents",
            Self::GetDocument => "Read a document",
            Self::FileStatus => "Status of a file",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::ListIndexes => "Lists the indexes that can be searched, with how many files each has.",
            Self::Search => {
                "Finds passages in documents, best first. Each comes with its file's path, headings, page where there are pages, \
                 version (etag) and byte range. Ask in a few words or a sentence, in the language of the documents. \
                 Example: {\"query\": \"how are keys rotated\", \"filter\": {\"prefixes\": [\"guides/\"]}}"
            }
            Self::GetDocument => {
                "Reads the text of a document as Markdown, in parts. Begin at a passage with its byte as `from`; go on with the \
                 `from` and `etag` that the end of each part gives. \
                 Example: {\"path\": \"guides/keys.md\", \"from\": 2048}"
            }
            Self::FileStatus => {
                "Tells whether a file can be found by search, and if not, why: not seen yet, waiting, failed, left out, gone. Example: \
                 {\"path\": \"reports/2025.pdf\"}"
            }
        }
    }

    fn schema(self) -> Value {
        match self {
            Self::ListIndexes => object(&json!({}), &[]),
            Self::Search => search(),
            Self::GetDocument => object(
                &json!({
                    "path": path(),
                    "from": {
                        "type": "integer", "minimum": 0, "default": 0,
                        "description": "Byte of the document to begin at",
                    },
                    "max_bytes": {
                        "type": "integer", "minimum": 1, "maximum": MAX_BYTES, "default": DEFAULT_BYTES,
                        "description": "Most bytes of text",
                    },
                    "etag": {
                        "type": "string",
                        "description": "Only this version; an error when the file has changed since",
                    },
                    "index": index(),
                }),
                &["path"],
            ),
            Self::FileStatus => object(&json!({ "path": path(), "index": index() }), &["path"]),
        }
    }

    /// As listed.
    pub(super) fn described(self) -> Tool {
        let schema = match self.schema() {
            Value::Object(schema) => schema,
            _ => serde_json::Map::new(),
        };
        Tool::new(self.text(), self.description(), Arc::new(schema))
            .with_title(self.title())
            .with_annotations(
                ToolAnnotations::with_title(self.title())
                    .read_only(true)
                    .destructive(false)
                    .idempotent(true)
                    .open_world(false),
            )
    }
}

fn search() -> Value {
    let texts = |description: &str, example: &str| {
        json!({
            "type": "array", "items": { "type": "string" },
            "description": description, "examples": [[example]],
        })
    };
    let moment = |description: &str| {
        json!({
            "type": "string", "description": description,
            "examples": ["2026-01-31", "2026-01-31T12:00:00Z"],
        })
    };
    let number = json!({ "type": "integer", "minimum": 1 });
    let filter = json!({
        "paths": texts("Exactly these files", "guides/keys.md"),
        "prefixes": texts("Paths that start with one of these", "guides/"),
        "globs": texts("Paths that match one of these; `*` stops at `/`, `**` does not", "**/*.pdf"),
        "types": texts("MIME types; `text/*` for all of a kind", "application/pdf"),
        "metadata": {
            "type": "object",
            "description": "Metadata of the file by name: a value, a list of values, or {\"exists\": true}",
            "additionalProperties": {
                "anyOf": [
                    { "type": "string" },
                    { "type": "array", "items": { "type": "string" } },
                    { "type": "object", "properties": { "exists": { "type": "boolean" } }, "required": ["exists"] },
                ],
            },
            "examples": [{ "department": "legal" }],
        },
        "modified_from": moment("Files written at or after this moment"),
        "modified_before": moment("Files written before this moment"),
        "pages": {
            "type": "object", "description": "Pages, both included",
            "properties": { "from": number, "to": number }, "additionalProperties": false,
            "examples": [{ "from": 3, "to": 7 }],
        },
    });
    let mut filter = object(&filter, &[]);
    filter["description"] =
        json!("Only passages that fit every field given here; entries of a list are alternatives");
    object(
        &json!({
            "query": {
                "type": "string", "minLength": 1, "maxLength": MAX_QUERY_CHARS,
                "description": "What to look for",
                "examples": ["how are keys rotated"],
            },
            "index": index(),
            "mode": {
                "type": "string", "enum": ["hybrid", "vector", "full_text"],
                "description": "full_text for exact words, names and numbers; vector for meaning alone; by default both where there is \
                                an embedding model",
            },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_PASSAGES,
                "description": "Most passages",
            },
            "offset": {
                "type": "integer", "minimum": 0, "maximum": 999, "default": 0,
                "description": "Passages to leave out from the start, for the next page",
            },
            "one_per_file": {
                "type": "boolean", "default": false,
                "description": "Only the best passage of each file",
            },
            "filter": filter,
        }),
        &["query"],
    )
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn path() -> Value {
    json!({
        "type": "string",
        "description": "The file, as search names it",
        "examples": ["guides/keys.md"],
    })
}

fn index() -> Value {
    json!({
        "type": "string",
        "description": "The index, as list_indexes names it; needed only where there are several",
        "examples": ["team-docs"],
    })
}

/// The beginning of a text from outside, to tell it back.
pub(super) fn clipped(text: &str) -> &str {
    text.char_indices()
        .nth(CLIPPED)
        .map_or(text, |(end, _)| &text[..end])
}
