//! Names of collections and aliases.
//!
//! `<prefix>_<index>_g<generation>`, and `<prefix>_<index>` for the alias. Neither prefix nor index can hold an underscore,
//! so names of different indexes never meet: with hyphens, the alias of an index `docs-g1` would be the first collection
//! of `docs`.

use crate::ids::IndexId;

/// The collection of one generation of an index. Whichever generation is given as the index, names begin with the base.
pub(super) fn collection(prefix: &str, index: &IndexId, generation: u32) -> String {
    format!("{}_g{generation}", alias(prefix, index))
}

/// The alias of an index.
pub(super) fn alias(prefix: &str, index: &IndexId) -> String {
    format!("{prefix}_{}", index.base_str())
}

/// Is this a collection of the index, of whichever generation?
pub(super) fn is_collection_of(name: &str, prefix: &str, index: &IndexId) -> bool {
    name.strip_prefix(&alias(prefix, index))
        .and_then(|rest| rest.strip_prefix("_g"))
        .is_some_and(|generation| {
            !generation.is_empty() && generation.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_collections_are_recognised() {
        let docs = IndexId::new("docs").unwrap();
        let own = collection("longshore", &docs, 12);
        assert_eq!(own, "longshore_docs_g12");
        let twelfth = docs.of_generation(12);
        assert_eq!(collection("longshore", &twelfth, twelfth.generation()), own);
        assert_eq!(alias("longshore", &twelfth), "longshore_docs");
        assert!(is_collection_of(&own, "longshore", &docs));
        for foreign in [
            "longshore_docs",
            "longshore_docs_g",
            "longshore_docs_gx",
            "longshore_docs_g1_g1",
            "longshore_docs-g1_g1",
            "longshore_team-docs_g1",
            "other_docs_g1",
        ] {
            assert!(!is_collection_of(foreign, "longshore", &docs), "{foreign}");
        }
    }
}
