//! The collections and aliases, in a folder.
//!
//! `collections/NAME/collection.json` says what a collection is; it is written last and removed first, so a folder without
//! it was not made or not deleted to the end, and goes at the next start. `aliases.json` holds the aliases.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::vectors::edge::EdgeVectors;
use shared::vectors::{Vectors, VectorsError};
use tokio::sync::RwLock;
use tonic::Status;

const ABOUT: &str = "collection.json";

/// Everything that a front holds.
pub(super) struct Collections {
    dir: PathBuf,
    /// Locked to write while anything is made or deleted, as by the server.
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    collections: BTreeMap<String, Arc<Collection>>,
    aliases: BTreeMap<String, String>,
}

/// What is stored of a collection beside its points.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct About {
    /// Dimensions of the vector `dense`.
    pub(super) dense_size: Option<usize>,
    /// Payload indexes: field and type, as the server numbers them.
    pub(super) indexes: BTreeMap<String, i32>,
}

/// A collection.
pub(super) struct Collection {
    dir: PathBuf,
    about: Mutex<About>,
    pub(super) vectors: Arc<EdgeVectors>,
}

impl Collection {
    fn open(dir: PathBuf, about: About) -> anyhow::Result<Arc<Self>> {
        let vectors = EdgeVectors::open(dir.join("points"), about.dense_size)?;
        Ok(Arc::new(Self {
            dir,
            about: Mutex::new(about),
            vectors,
        }))
    }

    pub(super) fn about(&self) -> About {
        self.about.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers a payload index. Those that Longshore uses exist in the engine from the start.
    pub(super) fn add_index(&self, field: String, data_type: i32) -> anyhow::Result<()> {
        let mut about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        about.indexes.insert(field, data_type);
        save(&self.dir.join(ABOUT), &*about)
    }
}

impl Collections {
    /// Opens what is in the folder.
    pub(super) fn open(dir: PathBuf) -> anyhow::Result<Self> {
        let home = dir.join("collections");
        fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
        let mut state = State::default();
        for entry in fs::read_dir(&home)? {
            let dir = entry?.path();
            let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match load(&dir.join(ABOUT))? {
                Some(about) => {
                    state.collections.insert(name, Collection::open(dir, about)?);
                }
                None => fs::remove_dir_all(&dir)?,
            }
        }
        state.aliases = load(&dir.join("aliases.json"))?.unwrap_or_default();
        Ok(Self {
            dir,
            state: RwLock::new(state),
        })
    }

    /// The collection of this name or alias.
    pub(super) async fn get(&self, name: &str) -> Result<Arc<Collection>, Status> {
        let state = self.state.read().await;
        let name = state.aliases.get(name).map_or(name, String::as_str);
        let collection = state.collections.get(name).cloned();
        collection.ok_or_else(|| missing(name))
    }

    pub(super) async fn exists(&self, name: &str) -> bool {
        self.get(name).await.is_ok()
    }

    pub(super) async fn names(&self) -> Vec<String> {
        self.state.read().await.collections.keys().cloned().collect()
    }

    pub(super) async fn aliases(&self) -> BTreeMap<String, String> {
        self.state.read().await.aliases.clone()
    }

    pub(super) async fn create(&self, name: &str, dense_size: Option<usize>) -> Result<(), Status> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if name.is_empty() || !name.chars().all(legal) {
            return Err(Status::invalid_argument(format!(
                "Wrong input: {name:?} is not a name"
            )));
        }
        let mut state = self.state.write().await;
        if state.collections.contains_key(name) || state.aliases.contains_key(name) {
            return Err(Status::already_exists(format!(
                "Wrong input: Collection `{name}` already exists!"
            )));
        }
        let dir = self.dir.join("collections").join(name);
        let made = tokio::task::spawn_blocking(move || {
            let about = About {
                dense_size,
                ..About::default()
            };
            let collection = Collection::open(dir.clone(), about.clone())?;
            save(&dir.join(ABOUT), &about).map(|()| collection)
        });
        let collection = made
            .await
            .map_err(|error| Status::internal(error.to_string()))?
            .map_err(|error| internal(&error))?;
        state.collections.insert(name.to_owned(), collection);
        Ok(())
    }

    /// Deletes a collection with the aliases that point to it. Returns whether it was there.
    pub(super) async fn delete(&self, name: &str) -> Result<bool, Status> {
        let mut state = self.state.write().await;
        state.aliases.retain(|_, target| target != name);
        self.save_aliases(&state)?;
        let Some(collection) = state.collections.remove(name) else {
            return Ok(false);
        };
        collection.vectors.close().await.map_err(failed)?;
        fs::remove_file(collection.dir.join(ABOUT))
            .and_then(|()| fs::remove_dir_all(&collection.dir))
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(true)
    }

    /// Makes an alias or moves it.
    pub(super) async fn set_alias(&self, alias: String, name: String) -> Result<(), Status> {
        let mut state = self.state.write().await;
        if !state.collections.contains_key(&name) {
            return Err(missing(&name));
        }
        if state.collections.contains_key(&alias) {
            return Err(Status::already_exists(format!(
                "Wrong input: Collection `{alias}` already exists!"
            )));
        }
        state.aliases.insert(alias, name);
        self.save_aliases(&state)
    }

    /// Removes an alias; one that does not exist is fine.
    pub(super) async fn delete_alias(&self, alias: &str) -> Result<(), Status> {
        let mut state = self.state.write().await;
        state.aliases.remove(alias);
        self.save_aliases(&state)
    }

    fn save_aliases(&self, state: &State) -> Result<(), Status> {
        save(&self.dir.join("aliases.json"), &state.aliases).map_err(|error| internal(&error))
    }
}

fn missing(name: &str) -> Status {
    Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"))
}

fn internal(error: &anyhow::Error) -> Status {
    Status::internal(format!("Service internal error: {error:#}"))
}

/// An engine's error as the server would put it.
pub(super) fn failed(error: VectorsError) -> Status {
    match error {
        VectorsError::Refused(text) => Status::invalid_argument(format!("Wrong input: {text}")),
        error @ (VectorsError::Unavailable(_) | VectorsError::Mismatch { .. }) => {
            Status::internal(format!("Service internal error: {error}"))
        }
    }
}

fn load<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

fn save<T: Serialize>(file: &Path, value: &T) -> anyhow::Result<()> {
    let new = file.with_extension("new");
    let mut out = fs::File::create(&new)?;
    out.write_all(&serde_json::to_vec(value)?)?;
    out.sync_all()?;
    fs::rename(&new, file).with_context(|| format!("writing {}", file.display()))
}
