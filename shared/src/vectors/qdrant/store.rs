//! A server's collections: made, opened, switched and dropped.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use qdrant_client::QdrantError;
use qdrant_client::qdrant::{CollectionInfo, CreateAlias};
use tonic::Code;

use super::connection::{Connection, Lane};
use super::errors::CallError;
use super::settings::QdrantSettings;
use super::{QdrantVectors, names, schema};
use crate::ids::IndexId;
use crate::vectors::{Collections, Vectors, VectorsError};

/// A Qdrant server. Cheap to clone; all clones and all collections share its limits.
#[derive(Clone)]
pub struct QdrantStore {
    connection: Arc<Connection>,
    prefix: String,
}

impl QdrantStore {
    /// Takes the settings. Connections are made when first used, so a server that is down is not an error here; see
    /// [`QdrantStore::check`].
    ///
    /// # Errors
    /// [`VectorsError::Refused`] when a setting cannot work.
    pub fn connect(settings: &QdrantSettings) -> Result<Self, VectorsError> {
        Ok(Self {
            connection: Arc::new(Connection::new(settings)?),
            prefix: settings.prefix.clone(),
        })
    }

    /// Is the server there, and does it let us in? Returns its version.
    ///
    /// # Errors
    /// [`VectorsError::Unavailable`] when not.
    pub async fn check(&self) -> Result<String, VectorsError> {
        let client = &self.connection.client;
        // Some servers tell their health without a key, so another request comes first.
        self.call(Lane::Read, "", client.list_aliases()).await?;
        Ok(self.call(Lane::Read, "", client.health_check()).await?.version)
    }

    /// How many writes and how many reads may be under way at the moment, for metrics.
    #[must_use]
    pub fn limits(&self) -> (usize, usize) {
        self.connection.limits()
    }

    /// Opens the collection of a generation of an index, or makes it, whose dense vectors have `dense_size` dimensions.
    /// Points the index's alias to it when the index has none. Any number of processes may do so at once.
    ///
    /// # Errors
    /// [`VectorsError::Mismatch`] when there is a collection of another shape, [`VectorsError::Unavailable`] when the
    /// server cannot be used. What was done stays, and the next call goes on from there.
    pub async fn open(
        &self,
        index: &IndexId,
        generation: u32,
        dense_size: Option<usize>,
    ) -> Result<Arc<QdrantVectors>, VectorsError> {
        let name = names::collection(&self.prefix, index, generation);
        let (found, is_new) = match self.info(&name).await? {
            Some(found) => (found, false),
            None => self.create(&name, dense_size).await?,
        };
        schema::check(&found, dense_size)?;
        let client = &self.connection.client;
        for request in schema::missing_indexes(&name, &found, self.connection.server_timeout()) {
            // Making one that somebody else has just made changes nothing.
            self.call(Lane::Write, &name, client.create_field_index(request))
                .await?;
        }
        if self.alias_target(index).await?.is_none() {
            self.swap_alias(index, generation).await?;
        }
        Ok(Arc::new(QdrantVectors::new(
            Arc::clone(&self.connection),
            name,
            dense_size,
            is_new,
        )))
    }

    /// Makes a collection, unless somebody else is faster.
    async fn create(
        &self,
        name: &str,
        dense_size: Option<usize>,
    ) -> Result<(CollectionInfo, bool), VectorsError> {
        let request = schema::create(name, dense_size, self.connection.server_timeout());
        let request = self.connection.client.create_collection(request);
        let created = self.call(Lane::Write, name, request).await;
        // Servers differ in how they say that it exists, and the answer may have been lost, so we look.
        match (self.info(name).await?, created) {
            (Some(found), created) => Ok((found, created.is_ok())),
            (None, Err(failed)) => Err(failed.into()),
            (None, Ok(_)) => Err(VectorsError::Unavailable(format!(
                "collection {name} vanished right after it was made: is the index being deleted?"
            ))),
        }
    }

    async fn info(&self, name: &str) -> Result<Option<CollectionInfo>, VectorsError> {
        let request = self.connection.client.collection_info(name);
        match self.call(Lane::Read, name, request).await {
            Ok(response) => Ok(response.result),
            Err(failed) if failed.code == Some(Code::NotFound) => Ok(None),
            Err(failed) => Err(failed.into()),
        }
    }

    /// The collection that the index's alias points to.
    ///
    /// # Errors
    /// [`VectorsError::Unavailable`] when the server cannot be used.
    pub async fn alias_target(&self, index: &IndexId) -> Result<Option<String>, VectorsError> {
        let alias = names::alias(&self.prefix, index);
        let request = self.connection.client.list_aliases();
        let listed = self.call(Lane::Read, &alias, request).await?.aliases;
        Ok(listed
            .into_iter()
            .find(|description| description.alias_name == alias)
            .map(|description| description.collection_name))
    }

    /// Points the index's alias to a generation, in one step: whoever uses the alias sees the old collection or the new one.
    ///
    /// # Errors
    /// [`VectorsError::Unavailable`] when the server cannot be used or has no such collection.
    pub async fn swap_alias(&self, index: &IndexId, generation: u32) -> Result<(), VectorsError> {
        let name = names::collection(&self.prefix, index, generation);
        // Making an alias that exists moves it.
        let request = self.connection.client.create_alias(CreateAlias {
            collection_name: name.clone(),
            alias_name: names::alias(&self.prefix, index),
        });
        self.call(Lane::Write, &name, request).await?;
        Ok(())
    }

    /// Removes the index's alias and its collections of all generations. An index that has none is fine.
    ///
    /// # Errors
    /// [`VectorsError::Unavailable`] when the server cannot be used; some may be gone then, and the next call removes the
    /// rest.
    pub async fn drop_index(&self, index: &IndexId) -> Result<(), VectorsError> {
        let client = &self.connection.client;
        if self.alias_target(index).await?.is_some() {
            let alias = names::alias(&self.prefix, index);
            let request = client.delete_alias(alias.as_str());
            gone(self.call(Lane::Write, &alias, request).await)?;
        }
        let request = client.list_collections();
        let listed = self.call(Lane::Read, "", request).await?.collections;
        for collection in listed {
            if names::is_collection_of(&collection.name, &self.prefix, index) {
                let request = client.delete_collection(collection.name.as_str());
                gone(self.call(Lane::Write, &collection.name, request).await)?;
            }
        }
        Ok(())
    }

    /// Removes the collection of one generation; also the alias, if it points there, so that none is left without a
    /// collection. One that is gone is fine.
    ///
    /// # Errors
    /// [`VectorsError::Unavailable`] when the server cannot be used; the next call goes on from there.
    pub async fn drop_generation(&self, index: &IndexId, generation: u32) -> Result<(), VectorsError> {
        let client = &self.connection.client;
        let name = names::collection(&self.prefix, index, generation);
        if self.alias_target(index).await?.as_ref() == Some(&name) {
            let alias = names::alias(&self.prefix, index);
            let request = client.delete_alias(alias.as_str());
            gone(self.call(Lane::Write, &alias, request).await)?;
        }
        let request = client.delete_collection(name.as_str());
        gone(self.call(Lane::Write, &name, request).await)
    }

    async fn call<T>(
        &self,
        lane: Lane,
        collection: &str,
        request: impl Future<Output = Result<T, QdrantError>>,
    ) -> Result<T, CallError> {
        // Boxed, because the client's futures are large.
        self.connection.call(lane, collection, Box::pin(request)).await
    }
}

#[async_trait]
impl Collections for QdrantStore {
    async fn open(
        &self,
        index: &IndexId,
        generation: u32,
        dense_size: Option<usize>,
    ) -> Result<Arc<dyn Vectors>, VectorsError> {
        Ok(Self::open(self, index, generation, dense_size).await?)
    }

    async fn remove(&self, index: &IndexId, generation: u32) -> Result<(), VectorsError> {
        self.drop_generation(index, generation).await
    }

    async fn publish(&self, index: &IndexId, generation: u32) -> Result<(), VectorsError> {
        self.swap_alias(index, generation).await
    }

    /// What was written is durable already.
    async fn close(&self) -> Result<(), VectorsError> {
        Ok(())
    }
}

/// Gone is gone, whoever removed it.
fn gone<T>(answer: Result<T, CallError>) -> Result<(), VectorsError> {
    match answer {
        Err(failed) if failed.code != Some(Code::NotFound) => Err(failed.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}
