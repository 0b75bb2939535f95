//! An id for each request: in the answer's headers, in problems, in the audit log, and in every line that is logged meanwhile.

use std::future::Future;

use axum::http::HeaderMap;

tokio::task_local! {
    static CURRENT: String;
}

/// Longest id that is taken over.
const MAX: usize = 64;

/// The id that the caller gave, if it can stand in a log as it is; otherwise a new one.
pub(super) fn of(headers: &HeaderMap) -> String {
    let given = headers
        .get(super::REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_sane(id));
    given.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

fn is_sane(id: &str) -> bool {
    (1..=MAX).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Runs `work` as part of a request.
pub(super) async fn within<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The id of the request that is being worked on, if there is one.
pub(in crate::http) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}
