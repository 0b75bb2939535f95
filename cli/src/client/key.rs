//! The API key that requests are sent with. It is never a flag: flags are seen by every process of the machine.

use std::path::Path;

use anyhow::{Context, ensure};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use shared::secret::Secret;

use crate::args::GlobalArgs;

/// The key that was given: in the file that `--api-key-file` names, or in `LONGSHORE_API_KEY`.
pub(super) fn given(global: &GlobalArgs) -> anyhow::Result<Option<Secret>> {
    let Some(file) = &global.api_key_file else {
        return Ok(variable("LONGSHORE_API_KEY"));
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the file of the API key, {}, cannot be read", file.display()))?;
    ensure!(
        !text.trim().is_empty(),
        "the file of the API key, {}, is empty",
        file.display()
    );
    Ok(Some(Secret::new(text.trim())))
}

/// The key of a `longshore up` on this machine, where it has one.
pub(super) fn of_machine(file: &Path) -> Option<Secret> {
    variable("LONGSHORE_ADMIN_KEY").or_else(|| {
        let text = std::fs::read_to_string(file).ok()?;
        Some(Secret::new(text.trim())).filter(|key| !key.is_empty())
    })
}

fn variable(name: &str) -> Option<Secret> {
    let value = std::env::var_os(name)?;
    Some(Secret::new(value.to_string_lossy().trim())).filter(|key| !key.is_empty())
}

/// Puts the key into the headers of every request.
pub(super) fn put(headers: &mut HeaderMap, key: &Secret) -> anyhow::Result<()> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose())).context(
        "the API key holds characters that no key has: look at LONGSHORE_API_KEY or at --api-key-file",
    )?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}
