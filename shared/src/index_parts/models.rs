//! Which models a process may ask, and with which key.

use super::PartsError;
use crate::embedder::openai::EmbeddingSettings;
use crate::index_settings::ModelSettings;
use crate::secret::Secret;

/// The models that indexes may be opened with.
#[derive(Clone, Debug)]
pub enum Models {
    /// The one that the process is set up for, and only for indexes that were made with it at the same address.
    Own(Option<EmbeddingSettings>),
    /// The one that the process is set up for, wherever it is served today: a person at a machine moves it to another port
    /// and goes on.
    Moved(Option<EmbeddingSettings>),
    /// Whatever an index was made with, asked with this key: for looking at indexes that another process made.
    AsMade {
        /// The key, if the models want one.
        key: Option<Secret>,
        /// The model for new indexes.
        own: Option<EmbeddingSettings>,
    },
}

impl Models {
    /// The model for new indexes.
    #[must_use]
    pub fn own(&self) -> Option<&EmbeddingSettings> {
        match self {
            Self::Own(own) | Self::Moved(own) | Self::AsMade { own, .. } => own.as_ref(),
        }
    }

    /// How to ask the model that an index was made with.
    ///
    /// # Errors
    /// When this process is set up for another one.
    pub fn settings(&self, wanted: &ModelSettings) -> Result<EmbeddingSettings, PartsError> {
        let same = |own: &&EmbeddingSettings| own.model == wanted.model;
        let found = match self {
            Self::Own(own) => own
                .as_ref()
                .filter(same)
                .filter(|own| own.base_url == wanted.url)
                .cloned(),
            Self::Moved(own) => own.as_ref().filter(same).cloned(),
            Self::AsMade { key, .. } => Some(EmbeddingSettings {
                azure_api_version: wanted.azure_api_version.clone(),
                api_key: key.clone(),
                ..EmbeddingSettings::new(&wanted.url, &wanted.model)
            }),
        };
        found.ok_or_else(|| {
            format!(
                "it was made with the model {} at {}, which is not what EMBEDDING_MODEL and EMBEDDING_BASE_URL say here",
                wanted.model, wanted.url
            )
            .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(url: &str, model: &str) -> ModelSettings {
        ModelSettings {
            url: url.to_owned(),
            model: model.to_owned(),
            dimensions: 8,
            azure_api_version: None,
        }
    }

    #[test]
    fn a_process_asks_only_the_model_it_is_set_up_for() {
        let own = Some(EmbeddingSettings::new("http://here/v1", "small"));
        let at = |models: &Models, url, model| {
            let found = models.settings(&wanted(url, model)).ok();
            found.map(|settings| settings.base_url)
        };
        let fixed = Models::Own(own.clone());
        assert_eq!(
            at(&fixed, "http://here/v1", "small").as_deref(),
            Some("http://here/v1")
        );
        assert_eq!(at(&fixed, "http://there/v1", "small"), None);
        let moved = Models::Moved(own.clone());
        assert_eq!(
            at(&moved, "http://there/v1", "small").as_deref(),
            Some("http://here/v1")
        );
        assert_eq!(at(&moved, "http://here/v1", "large"), None);
        assert_eq!(at(&Models::Moved(None), "http://here/v1", "small"), None);
        let as_made = Models::AsMade { key: None, own };
        assert_eq!(
            at(&as_made, "http://there/v1", "large").as_deref(),
            Some("http://there/v1")
        );
    }
}
