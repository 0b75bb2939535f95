//! The stable codes of errors, each with its HTTP status, title and remedy: one table for answers, the OpenAPI document and
//! `docs/errors.md`.

use axum::http::StatusCode;

/// Makes the enum of codes and the table behind it.
macro_rules! codes {
    ($( $(#[doc = $title:literal])+ $code:ident = $name:literal, $status:ident, $remedy:literal; )*) => {
        /// What went wrong, as a name that stays. Programs decide by it; people read the title and the detail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $( $(#[doc = $title])+ $code, )*
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The name in answers, in snake case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }

            /// The HTTP status that it comes with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status,)* }
            }

            /// What it means, in one line.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$code => concat!($($title),+).trim_ascii(),)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$code => $remedy,)* }
            }
        }
    };
}

codes! {
    /// The request makes no sense.
    BadRequest = "bad_request", BAD_REQUEST, "Change what the detail names and send it again.";
    /// The body cannot be read.
    InvalidBody = "invalid_body", BAD_REQUEST,
        "Send JSON with `Content-Type: application/json` and only the fields that the operation documents.";
    /// The query string cannot be read.
    InvalidQuery = "invalid_query", BAD_REQUEST, "Use only the documented parameters, with values of their types.";
    /// The path holds something that cannot be an id or a name.
    InvalidPath = "invalid_path", BAD_REQUEST, "Take ids and names as the API gave them.";
    /// Settings of an index make no sense.
    InvalidSettings = "invalid_settings", BAD_REQUEST,
        "Change the settings that the detail names; `GET /index-settings` says what each may hold.";
    /// The key is missing, wrong, revoked or too old.
    Unauthorized = "unauthorized", UNAUTHORIZED,
        "Send a valid key as `Authorization: Bearer KEY`; `longshore keys create` makes one.";
    /// The key does not allow this.
    Forbidden = "forbidden", FORBIDDEN, "Use a key with the scope, or for the index, that the detail names.";
    /// The request is addressed to a name that is not this machine's.
    ForeignHost = "foreign_host", FORBIDDEN,
        "Without keys only requests to `localhost` are answered, so that no web page can send any; use that name, or start the service with keys.";
    /// There is nothing at this address.
    NotFound = "not_found", NOT_FOUND, "See `/openapi.json` for the addresses that there are.";
    /// There is no index of this name.
    IndexNotFound = "index_not_found", NOT_FOUND, "`GET /indexes` lists those that there are.";
    /// The index has no such generation.
    GenerationNotFound = "generation_not_found", NOT_FOUND, "`GET /indexes/{index}/generations` lists those that there are.";
    /// Another generation is being built, or coming back.
    GenerationBusy = "generation_busy", CONFLICT,
        "Wait until it is live, or roll it back; `GET /indexes/{index}/generations` shows how far it is.";
    /// The index has never seen this file.
    FileNotFound = "file_not_found", NOT_FOUND,
        "Compare the path with `GET /indexes/{index}/files`; it is relative to the source, without a leading slash.";
    /// The index has no version of this file.
    DocumentNotIndexed = "document_not_indexed", NOT_FOUND,
        "The detail says what state the file is in; `GET /indexes/{index}/files/{path}` says why.";
    /// There is no such run.
    RunNotFound = "run_not_found", NOT_FOUND, "`GET /indexes/{index}/runs` lists the newest.";
    /// There is no such instance.
    InstanceNotFound = "instance_not_found", NOT_FOUND,
        "An instance id is a run's id, or `INDEX:FILEID`; `GET /status` lists those that there are.";
    /// The instance has ended.
    InstanceEnded = "instance_ended", GONE,
        "Nothing goes on that could be ended, held or resumed; rewind it when it failed, or report a change.";
    /// The cursor is not one of this listing.
    InvalidCursor = "invalid_cursor", BAD_REQUEST,
        "Send the cursor or continuation token of the page before, unchanged, with the same filters; or begin anew.";
    /// There is no such approval.
    ApprovalNotFound = "approval_not_found", NOT_FOUND, "`GET /approvals` lists those that there are.";
    /// There is no such API key.
    KeyNotFound = "key_not_found", NOT_FOUND, "`GET /apiKeys` lists those that there are.";
    /// The address does not take this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Use a method that the `Allow` header names.";
    /// The request does not fit the state that something is in.
    Conflict = "conflict", CONFLICT, "Look at the present state; the detail says what stands in the way.";
    /// The file has another version by now than the one that was asked for.
    DocumentChanged = "document_changed", CONFLICT, "Read the document from its beginning, without `etag`.";
    /// Another index has this name.
    IndexExists = "index_exists", CONFLICT, "Choose another name, or delete the other index first.";
    /// The index is being deleted.
    IndexDeleting = "index_deleting", CONFLICT, "Wait until it is gone; a deletion is not taken back.";
    /// Somebody has decided.
    AlreadyDecided = "already_decided", CONFLICT, "Look at the decision; files that still wait have a new approval.";
    /// This setting of an index cannot be changed.
    SettingFixed = "setting_fixed", CONFLICT, "Make another index with it.";
    /// This setting takes another generation of the index.
    NeedsGeneration = "needs_generation", CONFLICT,
        "Have another generation of the index built with it, or make another index; the vectors of this one stay as they are.";
    /// The settings are not those that the request goes by.
    SettingsChanged = "settings_changed", PRECONDITION_FAILED,
        "Read the index again, look at what has changed, and send the change with the new `ETag`.";
    /// This process cannot do it.
    NotHere = "not_here", CONFLICT, "Ask the process that the detail names.";
    /// The body is too large.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "Send less at a time; the detail names the limit.";
    /// The content type is not accepted here.
    UnsupportedType = "unsupported_type", UNSUPPORTED_MEDIA_TYPE, "Send one of the content types that the detail names.";
    /// The key sends too many requests.
    Throttled = "throttled", TOO_MANY_REQUESTS, "Wait for as long as `Retry-After` says; send less at a time, or raise `--rate-per-key`.";
    /// Something failed that should not have.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Report it with the request id; the log of the service has the rest.";
    /// The index cannot be opened now.
    IndexUnusable = "index_unusable", SERVICE_UNAVAILABLE,
        "The detail says which of its settings, source, model or collection cannot be used from here.";
    /// The service works on as many requests as it takes.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Try again after `Retry-After`; add replicas, or raise `--max-requests`.";
    /// The request took too long.
    TimedOut = "timed_out", SERVICE_UNAVAILABLE,
        "Look whether it was done; repeat it when not. `--request-timeout-seconds` is the limit.";
    /// The ledger does not answer.
    LedgerUnavailable = "ledger_unavailable", SERVICE_UNAVAILABLE, "Try again; look at the database when it lasts.";
    /// The vector store does not answer.
    VectorsUnavailable = "vectors_unavailable", SERVICE_UNAVAILABLE, "Try again; look at the vector store when it lasts.";
    /// The embedding model does not answer.
    EmbedderUnavailable = "embedder_unavailable", SERVICE_UNAVAILABLE,
        "Try again, or search with the mode `full_text`, which needs no model.";
    /// The search took longer than it may.
    SearchTimeout = "search_timeout", SERVICE_UNAVAILABLE,
        "Narrow it with a filter, or try again; raise `SEARCH_TIMEOUT_SECONDS` when it lasts.";
    /// The source cannot be listed or read.
    SourceUnavailable = "source_unavailable", SERVICE_UNAVAILABLE, "Try again; look at the source and its keys when it lasts.";
    /// Something that it needs does not answer.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Try again later.";
}
