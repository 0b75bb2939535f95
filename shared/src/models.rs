//! The embedding models that a process may use: the one of its flags, and any number of named ones from the tables
//! `[models.NAME]` of the settings file. An index keeps address and name of its model, never a key; the key is found here, by
//! the address, so that no key is ever sent to another one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::embedder::openai::{EmbeddingSettings, OpenAiEmbedder};
use crate::index_settings::ModelSettings;
use crate::retry::Failure;

/// The name of the model that the flags describe.
pub const DEFAULT: &str = "default";

/// Models by name.
#[derive(Clone, Debug, Default)]
pub struct Models(BTreeMap<String, EmbeddingSettings>);

/// A model that somebody wants for an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedModel {
    /// A model of the service's settings: `default` is that of its flags, others have tables `[models.NAME]`.
    #[serde(default = "default_name")]
    #[schema(example = "default")]
    pub name: String,
    /// In place of the name: its address, as it stands in the settings of an index. The service has to know a model there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Another model at the same endpoint, with the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "text-embedding-3-large")]
    pub model: Option<String>,
    /// Vectors shortened to so many numbers, where the model can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 65_536)]
    pub dimensions: Option<u32>,
}

fn default_name() -> String {
    DEFAULT.to_owned()
}

impl Default for WantedModel {
    fn default() -> Self {
        Self {
            name: default_name(),
            url: None,
            model: None,
            dimensions: None,
        }
    }
}

/// A model cannot be had; the text says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// There is none of this name.
    #[error("there is no model {name:?}; {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is instead.
        known: String,
    },
    /// There is none at this address.
    #[error("the service knows no model at {0}: give it a table [models.NAME], so that it has a key for it")]
    Elsewhere(String),
    /// The address holds the model's name.
    #[error(
        "the address of the model {0:?} is that of one deployment: give {1:?} a table [models.NAME] of its own"
    )]
    Fixed(String, String),
    /// It does not embed.
    #[error("the model {0} at {1} cannot be used: {2}")]
    Refused(String, String, Failure),
}

/// Azure's older addresses name the deployment, whatever model a request asks for.
fn names_its_model(settings: &EmbeddingSettings) -> bool {
    settings.base_url.contains("/openai/deployments/")
}

impl Models {
    /// The model of the flags, and the named ones.
    #[must_use]
    pub fn new(own: Option<EmbeddingSettings>, mut named: BTreeMap<String, EmbeddingSettings>) -> Self {
        if let Some(own) = own {
            named.insert(DEFAULT.to_owned(), own);
        }
        Self(named)
    }

    /// The model of the flags.
    #[must_use]
    pub fn own(&self) -> Option<&EmbeddingSettings> {
        self.0.get(DEFAULT)
    }

    /// How to reach the model of an index: as it is set up here, or with the key of another model at the same address.
    #[must_use]
    pub fn of_index(&self, wanted: &ModelSettings) -> Option<EmbeddingSettings> {
        let here = || {
            self.0
                .values()
                .filter(|own| own.base_url == wanted.url && own.azure_api_version == wanted.azure_api_version)
        };
        let mut found = match here().find(|own| own.model == wanted.model) {
            Some(same) => same.clone(),
            None => EmbeddingSettings {
                model: wanted.model.clone(),
                dimensions: None,
                ..here().find(|own| !names_its_model(own))?.clone()
            },
        };
        if wanted.shortened_to.is_some() {
            found.dimensions = wanted.shortened_to;
        }
        Some(found)
    }

    /// What an index with this model has in its settings. Asks the model, so that one that cannot be used is refused now.
    ///
    /// # Errors
    /// See [`ModelError`].
    pub async fn settle(&self, wanted: &WantedModel) -> Result<ModelSettings, ModelError> {
        let own = match &wanted.url {
            Some(url) => self
                .at(url, wanted.model.as_deref())
                .ok_or_else(|| ModelError::Elsewhere(url.clone()))?,
            None => self
                .0
                .get(&wanted.name)
                .ok_or_else(|| self.unknown(&wanted.name))?,
        };
        let mut settings = own.clone();
        if let Some(model) = wanted.model.as_ref().filter(|model| **model != own.model) {
            if names_its_model(own) {
                return Err(ModelError::Fixed(wanted.name.clone(), model.clone()));
            }
            settings.model.clone_from(model);
            settings.dimensions = None;
        }
        settings.dimensions = wanted.dimensions.or(settings.dimensions);
        let refused =
            |failure| ModelError::Refused(settings.model.clone(), settings.base_url.clone(), failure);
        let embedder = OpenAiEmbedder::new(settings.clone()).map_err(refused)?;
        let dimensions = embedder.probe().await.map_err(refused)?;
        Ok(ModelSettings {
            dimensions,
            shortened_to: wanted.dimensions,
            url: settings.base_url,
            model: settings.model,
            azure_api_version: settings.azure_api_version,
        })
    }

    /// A model at this address, this one if it is there.
    fn at(&self, url: &str, model: Option<&str>) -> Option<&EmbeddingSettings> {
        let here = || self.0.values().filter(|own| own.base_url == url);
        let same = |own: &&EmbeddingSettings| model.is_none_or(|model| own.model == model);
        here()
            .find(same)
            .or_else(|| here().find(|own| !names_its_model(own)))
            .or_else(|| here().next())
    }

    fn unknown(&self, name: &str) -> ModelError {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let known = if names.is_empty() {
            "the service has none: set EMBEDDING_BASE_URL and EMBEDDING_MODEL, or a table [models.NAME]"
                .to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        ModelError::Unknown {
            name: name.to_owned(),
            known,
        }
    }
}

impl From<Option<EmbeddingSettings>> for Models {
    fn from(own: Option<EmbeddingSettings>) -> Self {
        Self::new(own, BTreeMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn at(url: &str, model: &str, key: &str) -> EmbeddingSettings {
        EmbeddingSettings {
            api_key: Some(Secret::new(key)),
            ..EmbeddingSettings::new(url, model)
        }
    }

    fn wanted(url: &str, model: &str) -> ModelSettings {
        ModelSettings {
            url: url.to_owned(),
            model: model.to_owned(),
            dimensions: 3,
            azure_api_version: None,
            shortened_to: None,
        }
    }

    #[test]
    fn a_key_goes_to_its_own_address_only() {
        let deployment = "https://x.openai.azure.com/openai/deployments/small";
        let named = BTreeMap::from([
            ("large".to_owned(), at("https://b/v1", "large", "key-b")),
            ("azure".to_owned(), at(deployment, "small", "key-c")),
        ]);
        let models = Models::new(
            Some(EmbeddingSettings {
                dimensions: Some(256),
                ..at("https://a/v1", "small", "key-a")
            }),
            named,
        );
        let found = |url: &str, model: &str| {
            let found = models.of_index(&wanted(url, model))?;
            Some((found.model, found.api_key?.expose().to_owned(), found.dimensions))
        };
        let some = |model: &str, key: &str, size| Some((model.to_owned(), key.to_owned(), size));
        assert_eq!(found("https://a/v1", "small"), some("small", "key-a", Some(256)));
        assert_eq!(found("https://a/v1", "other"), some("other", "key-a", None));
        assert_eq!(found("https://b/v1", "large"), some("large", "key-b", None));
        assert_eq!(found("https://c/v1", "small"), None);
        assert_eq!(found(deployment, "small"), some("small", "key-c", None));
        assert_eq!(found(deployment, "other"), None, "the address names another one");
        let short = ModelSettings {
            shortened_to: Some(64),
            ..wanted("https://a/v1", "small")
        };
        assert_eq!(models.of_index(&short).unwrap().dimensions, Some(64));
    }

    #[tokio::test]
    async fn unknown_models_are_refused_with_those_that_there_are() {
        let models = Models::new(Some(at("https://a/v1", "small", "k")), BTreeMap::new());
        let nobody = WantedModel {
            name: "nobody".to_owned(),
            ..WantedModel::default()
        };
        let refused = models.settle(&nobody).await.unwrap_err().to_string();
        assert!(refused.contains("there are: default"), "{refused}");
        let elsewhere = WantedModel {
            url: Some("https://b/v1".to_owned()),
            ..WantedModel::default()
        };
        let refused = models.settle(&elsewhere).await.unwrap_err().to_string();
        assert!(refused.contains("https://b/v1"), "{refused}");
        let refused = Models::default().settle(&nobody).await.unwrap_err().to_string();
        assert!(refused.contains("EMBEDDING_BASE_URL"), "{refused}");
    }
}
