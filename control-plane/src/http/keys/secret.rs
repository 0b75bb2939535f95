//! The secret of a key: `lsk_`, eight characters by which it is recognised, and 256 random bits.
//!
//! What is kept is a BLAKE3 hash. A slow hash protects what people think up, which can be guessed; 256 random bits cannot
//! be, and a slow hash would only make every request slow.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::ledger::SecretMark;
use shared::secret::Secret;

/// What every secret begins with, so that scanners for leaked secrets find it.
const BEGIN: &str = "lsk_";
/// Characters for recognition.
const SHOWN: usize = 8;
/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A new secret.
fn generate() -> Secret {
    let shown: String = rand::random::<[u8; SHOWN]>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect();
    let rest = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    Secret::new(&format!("{BEGIN}{shown}_{rest}"))
}

/// A new secret, and what is kept of it.
pub(crate) fn new() -> (Secret, SecretMark) {
    let secret = generate();
    let prefix = secret.expose().chars().take(BEGIN.len() + SHOWN).collect();
    let hash = blake3::hash(secret.expose().as_bytes()).to_hex().to_string();
    (secret, SecretMark { prefix, hash })
}

/// What is kept of a secret; `None` when it does not have the form of one.
pub(crate) fn mark(secret: &str) -> Option<SecretMark> {
    let prefix = secret.get(..BEGIN.len() + SHOWN)?;
    let rest = secret.get(prefix.len()..)?.strip_prefix('_')?;
    let shown = prefix.strip_prefix(BEGIN)?;
    let formed = shown.bytes().all(|byte| ALPHABET.contains(&byte))
        && URL_SAFE_NO_PAD.decode(rest).is_ok_and(|bits| bits.len() == 32);
    formed.then(|| SecretMark {
        prefix: prefix.to_owned(),
        hash: blake3::hash(secret.as_bytes()).to_hex().to_string(),
    })
}

/// Are two hashes in hexadecimal the same? The comparison takes the same time whatever they are.
pub(crate) fn same(one: &str, other: &str) -> bool {
    match (blake3::Hash::from_hex(one), blake3::Hash::from_hex(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised_by_their_start() {
        let (one, other) = (generate(), generate());
        let mark_of = |secret: &Secret| mark(secret.expose()).unwrap();
        assert_ne!(mark_of(&one), mark_of(&other));
        assert_eq!(one.expose().len(), 56);
        assert!(one.expose().starts_with(&mark_of(&one).prefix));
        assert!(same(&mark_of(&one).hash, &mark_of(&one).hash));
        assert!(!same(&mark_of(&one).hash, &mark_of(&other).hash));
        assert!(!same("", ""), "what is no hash equals nothing");
    }

    #[test]
    fn other_texts_are_no_secrets() {
        let secret = generate();
        let secret = secret.expose();
        for wrong in [
            "",
            "lsk_",
            "lsk_abcdefgh",
            &secret[1..],
            &secret[..55],
            &format!("{secret}A"),
            &secret.replace("lsk_", "lsK_"),
            &format!("lsk_ääää_{}", &secret[13..]),
            &format!("lsk_äääää{}", &secret[13..]),
            &format!("lsk_abc\0efgh_{}", &secret[13..]),
        ] {
            assert_eq!(mark(wrong), None, "{wrong}");
        }
    }
}
