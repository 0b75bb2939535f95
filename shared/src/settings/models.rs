//! Named models: the tables `[models.NAME]` of the settings file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::SettingsError;
use crate::embedder::openai::EmbeddingSettings;
use crate::models::DEFAULT;
use crate::secret::Secret;

/// What a table `[models.NAME]` may hold, and what each entry means; for the documentation.
pub const MODEL_ENTRIES: [(&str, &str); 8] = [
    ("base_url", "Base URL of an OpenAI-compatible endpoint. Required."),
    ("model", "The model; on Azure OpenAI the deployment. Required."),
    (
        "api_key",
        "Its key. Keep the file from others' eyes, or use `api_key_env`.",
    ),
    ("api_key_env", "The environment variable that holds its key."),
    ("dimensions", "Ask the model for vectors of this size."),
    (
        "azure_api_version",
        "Version of the Azure OpenAI API; setting it selects Azure's form of URL and key.",
    ),
    ("batch_size", "Most texts in one request; 128 when left out."),
    ("max_in_flight", "Most requests at a time; 8 when left out."),
];

/// A table `[models.NAME]`; see the flags `--embedding-…` for what each means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelTable {
    base_url: String,
    model: String,
    /// The key itself, in a file that nobody else can read.
    api_key: Option<String>,
    /// The environment variable that holds the key.
    api_key_env: Option<String>,
    dimensions: Option<u32>,
    azure_api_version: Option<String>,
    batch_size: Option<u16>,
    max_in_flight: Option<u16>,
}

/// Reads the tables.
pub(super) fn models(
    path: &Path,
    value: toml::Value,
) -> Result<BTreeMap<String, EmbeddingSettings>, SettingsError> {
    let wrong = |name: &str, why: String| SettingsError::Entry {
        file: path.to_owned(),
        name: name.to_owned(),
        why,
    };
    let toml::Value::Table(tables) = value else {
        return Err(wrong("models", "write it as [models.NAME]".to_owned()));
    };
    let mut models = BTreeMap::new();
    for (name, table) in tables {
        let entry = format!("models.{name}");
        if name == DEFAULT {
            let why =
                "this is the name of the model that --embedding-model and its like describe; choose another";
            return Err(wrong(&entry, why.to_owned()));
        }
        let table: ModelTable = table
            .try_into()
            .map_err(|error: toml::de::Error| wrong(&entry, error.message().to_owned()))?;
        let key = key(&table).map_err(|why| wrong(&entry, why))?;
        let mut settings = EmbeddingSettings {
            api_key: key,
            dimensions: table.dimensions,
            azure_api_version: table.azure_api_version,
            // As the flags have it.
            batch_size: table.batch_size.map_or(128, usize::from),
            ..EmbeddingSettings::new(table.base_url, table.model)
        };
        if let Some(most) = table.max_in_flight {
            settings.max_in_flight = usize::from(most);
        }
        if settings.batch_size == 0 || settings.max_in_flight == 0 {
            return Err(wrong(
                &entry,
                "batch_size and max_in_flight are at least 1".to_owned(),
            ));
        }
        crate::embedder::openai::OpenAiEmbedder::new(settings.clone())
            .map_err(|failure| wrong(&entry, failure.message))?;
        models.insert(name, settings);
    }
    Ok(models)
}

/// The key, from the file or from the variable that it names.
fn key(table: &ModelTable) -> Result<Option<Secret>, String> {
    match (&table.api_key, &table.api_key_env) {
        (Some(_), Some(_)) => Err("give api_key or api_key_env, not both".to_owned()),
        (Some(key), None) => Ok(Some(Secret::new(key))),
        (None, Some(variable)) => std::env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(|value| Some(Secret::new(&value.to_string_lossy())))
            .ok_or_else(|| format!("the variable {variable} of api_key_env is not set")),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, EmbeddingSettings>, String> {
        let table: toml::Table = text.parse().unwrap();
        models(Path::new("settings.toml"), table["models"].clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_model_is_read_with_its_key() {
        let models = read(
            "[models.large]\nbase_url = \"https://a/v1\"\nmodel = \"large\"\napi_key = \"sk-1\"\ndimensions = 256\n",
        )
        .unwrap();
        let large = &models["large"];
        assert_eq!((large.model.as_str(), large.dimensions), ("large", Some(256)));
        assert!(!format!("{models:?}").contains("sk-1"));
    }

    #[test]
    fn the_documented_entries_are_those_that_there_are() {
        let unknown = "nonsense = 1".parse::<toml::Table>().unwrap();
        let refused = unknown.try_into::<ModelTable>().err().unwrap();
        let mut named: Vec<&str> = refused.message().split('`').skip(3).step_by(2).collect();
        named.sort_unstable();
        let mut documented = MODEL_ENTRIES.map(|(name, _)| name);
        documented.sort_unstable();
        assert_eq!(named, documented);
    }

    #[test]
    fn what_is_wrong_is_named_without_secrets() {
        let model = "base_url = \"https://a/v1\"\nmodel = \"large\"\n";
        for (text, word) in [
            (format!("[models.default]\n{model}"), "choose another"),
            (format!("[models.x]\n{model}nonsense = 1\n"), "nonsense"),
            (
                format!("[models.x]\n{model}api_key = \"sk-1\"\napi_key_env = \"A\"\n"),
                "not both",
            ),
            (
                format!("[models.x]\n{model}api_key_env = \"NO_SUCH_VARIABLE_HERE\"\n"),
                "NO_SUCH_VARIABLE_HERE",
            ),
            ("[models.x]\nmodel = \"large\"\n".to_owned(), "base_url"),
            (
                "[models.x]\nmodel = \"large\"\nbase_url = \"ftp://a\"\n".to_owned(),
                "http",
            ),
            (format!("[models.x]\n{model}batch_size = 0\n"), "at least 1"),
            ("models = 1\n".to_owned(), "[models.NAME]"),
        ] {
            let refused = read(&text).unwrap_err();
            assert!(refused.contains(word) && !refused.contains("sk-1"), "{refused}");
        }
    }
}
