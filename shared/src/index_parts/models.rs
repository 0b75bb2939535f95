//! Which models a process may ask, and with which key.

use super::PartsError;
use crate::embedder::openai::EmbeddingSettings;
use crate::index_settings::ModelSettings;
use crate::models::Models as Named;
use crate::secret::Secret;

/// The models that indexes may be opened with.
#[derive(Clone, Debug)]
pub enum Models {
    /// Those that the process is set up for: an index's model is asked at its own address only.
    Own(Named),
    /// The same, but the model of the flags is asked wherever it is served today: a person at a machine moves it to another
    /// port and goes on.
    Moved(Named),
    /// Whatever an index was made with, asked with this key: for looking at indexes that another process made.
    AsMade {
        /// The key, if the models want one.
        key: Option<Secret>,
        /// The models for new indexes.
        own: Named,
    },
}

impl Models {
    /// The models for new indexes and generations.
    #[must_use]
    pub fn named(&self) -> &Named {
        match self {
            Self::Own(own) | Self::Moved(own) | Self::AsMade { own, .. } => own,
        }
    }

    /// How to ask the model that an index was made with.
    ///
    /// # Errors
    /// When this process is not set up for it.
    pub fn settings(&self, wanted: &ModelSettings) -> Result<EmbeddingSettings, PartsError> {
        let moved = |own: &Named| {
            let own = own.own().filter(|own| own.model == wanted.model)?;
            Some(EmbeddingSettings {
                dimensions: wanted.shortened_to.or(own.dimensions),
                ..own.clone()
            })
        };
        let found = match self {
            Self::Own(own) => own.of_index(wanted),
            Self::Moved(own) => own.of_index(wanted).or_else(|| moved(own)),
            Self::AsMade { key, .. } => Some(EmbeddingSettings {
                azure_api_version: wanted.azure_api_version.clone(),
                api_key: key.clone(),
                dimensions: wanted.shortened_to,
                ..EmbeddingSettings::new(&wanted.url, &wanted.model)
            }),
        };
        found.ok_or_else(|| {
            format!(
                "it was made with the model {} at {}, which neither EMBEDDING_BASE_URL and EMBEDDING_MODEL nor a table \
                 [models.NAME] of the settings file name here",
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
            shortened_to: None,
        }
    }

    #[test]
    fn a_process_asks_only_the_model_it_is_set_up_for() {
        let own = Named::from(Some(EmbeddingSettings::new("http://here/v1", "small")));
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
        assert_eq!(at(&moved, "http://there/v1", "large"), None);
        assert_eq!(
            at(&Models::Moved(Named::default()), "http://here/v1", "small"),
            None
        );
        let as_made = Models::AsMade { key: None, own };
        assert_eq!(
            at(&as_made, "http://there/v1", "large").as_deref(),
            Some("http://there/v1")
        );
    }
}
