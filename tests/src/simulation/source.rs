//! Documents that change, move and vanish while they are indexed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use shared::blob_path::BlobPath;
use shared::blobs::{Blob, BlobError, BlobMeta, Blobs, Listed};

use super::bug::Bug;
use super::line::Line;
use super::world::World;

/// What a version of a document is.
#[derive(Debug)]
pub(super) struct Content {
    /// Each is one chunk; none for a document that ends SKIPPED.
    pub(super) paragraphs: Vec<String>,
    /// The source refuses to hand it out: the file ends FAILED.
    pub(super) denied: bool,
}

impl Content {
    pub(super) fn text(&self) -> String {
        self.paragraphs.join("\n\n")
    }
}

#[derive(Clone, Debug)]
struct Object {
    identity: String,
    etag: String,
    content: Arc<Content>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<BlobPath, Object>,
    /// Every tag that there ever was.
    versions: BTreeMap<String, (u64, Arc<Content>)>,
    /// Which tag a path had from which moment on.
    log: BTreeMap<BlobPath, Vec<(u64, Option<String>)>>,
    tags: u64,
}

pub(super) struct Source {
    world: Arc<World>,
    state: Mutex<State>,
}

impl Source {
    pub(super) fn new(world: Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            world,
            state: Mutex::default(),
        })
    }

    /// Writes a new version.
    pub(super) fn write(&self, path: &BlobPath, paragraphs: Vec<String>, denied: bool) {
        let mut state = self.state();
        state.tags += 1;
        let content = Arc::new(Content { paragraphs, denied });
        let identity = format!("v{}", state.tags);
        self.put(&mut state, path, identity, content);
    }

    /// Gives a blob another tag and leaves its content.
    pub(super) fn touch(&self, path: &BlobPath) -> bool {
        let mut state = self.state();
        let Some(object) = state.objects.get(path).cloned() else {
            return false;
        };
        self.put(&mut state, path, object.identity, object.content);
        true
    }

    pub(super) fn remove(&self, path: &BlobPath) -> bool {
        let mut state = self.state();
        let there = state.objects.remove(path).is_some();
        self.log(&mut state, path, None);
        there
    }

    /// Moves a blob, over another one if need be.
    pub(super) fn rename(&self, from: &BlobPath, to: &BlobPath) -> bool {
        let mut state = self.state();
        let Some(object) = state.objects.remove(from) else {
            return false;
        };
        self.log(&mut state, from, None);
        self.put(&mut state, to, object.identity, object.content);
        true
    }

    pub(super) fn paths(&self) -> Vec<BlobPath> {
        self.state().objects.keys().cloned().collect()
    }

    /// What a path holds now.
    pub(super) fn content(&self, path: &BlobPath) -> Option<Arc<Content>> {
        let state = self.state();
        state.objects.get(path).map(|object| Arc::clone(&object.content))
    }

    /// What a tag stands for, and a number that grows with each tag of a path.
    pub(super) fn version(&self, etag: &str) -> Option<(u64, Arc<Content>)> {
        self.state().versions.get(etag).cloned()
    }

    /// Had `path` this tag (or nothing, for `None`) at some moment since `since`?
    pub(super) fn had(&self, path: &BlobPath, etag: Option<&str>, since: u64) -> bool {
        let state = self.state();
        let Some(log) = state.log.get(path) else {
            return etag.is_none();
        };
        let earlier = log.iter().rev().find(|(at, _)| *at <= since);
        let at_first = earlier.map_or(etag.is_none(), |(_, tag)| tag.as_deref() == etag);
        at_first || log.iter().any(|(at, tag)| *at > since && tag.as_deref() == etag)
    }

    fn put(&self, state: &mut State, path: &BlobPath, identity: String, content: Arc<Content>) {
        state.tags += 1;
        let etag = format!("{identity}-{}", state.tags);
        let version = (state.tags, Arc::clone(&content));
        state.versions.insert(etag.clone(), version);
        self.log(state, path, Some(etag.clone()));
        let object = Object {
            identity,
            etag,
            content,
        };
        state.objects.insert(path.clone(), object);
    }

    fn log(&self, state: &mut State, path: &BlobPath, etag: Option<String>) {
        let moment = self.world.moment();
        state.log.entry(path.clone()).or_default().push((moment, etag));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn meta(path: &BlobPath, object: &Object) -> Result<BlobMeta, BlobError> {
    if object.content.denied {
        return Err(BlobError::Denied("denied".to_owned()));
    }
    Ok(BlobMeta {
        path: path.clone(),
        etag: object.etag.clone(),
        identity: Some(object.identity.clone()),
        size: object.content.text().len() as u64,
        modified: 0,
        content_type: None,
        metadata: std::collections::BTreeMap::new(),
    })
}

/// The source as one process sees it.
pub(super) struct SourceClient {
    pub(super) line: Line,
    pub(super) source: Arc<Source>,
}

#[async_trait]
impl Blobs for SourceClient {
    async fn head(&self, path: &BlobPath) -> Result<BlobMeta, BlobError> {
        let (source, path) = (Arc::clone(&self.source), path.clone());
        self.line
            .call("head", move || {
                let answer = match source.state().objects.get(&path) {
                    Some(object) => meta(&path, object),
                    None => Err(BlobError::NotFound),
                };
                std::future::ready(answer)
            })
            .await
    }

    async fn read(&self, path: &BlobPath, etag: &str, limit: u64) -> Result<Blob, BlobError> {
        let (source, path, etag) = (Arc::clone(&self.source), path.clone(), etag.to_owned());
        let any_tag = self.line.world.has(Bug::ReadIgnoresTag);
        self.line
            .call("read", move || {
                let read = || {
                    let state = source.state();
                    let object = state.objects.get(&path).ok_or(BlobError::NotFound)?;
                    let mut meta = meta(&path, object)?;
                    if any_tag {
                        meta.etag.clone_from(&etag);
                    }
                    if meta.etag != etag {
                        return Err(BlobError::Changed);
                    }
                    if meta.size > limit {
                        let size = meta.size;
                        return Err(BlobError::TooLarge { size, limit });
                    }
                    let bytes = Bytes::from(object.content.text());
                    Ok(Blob { meta, bytes })
                };
                std::future::ready(read())
            })
            .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, BlobError> {
        let (source, prefix) = (Arc::clone(&self.source), prefix.to_owned());
        self.line
            .call("list", move || {
                let state = source.state();
                let below = state.objects.iter().filter(|(path, _)| path.is_under(&prefix));
                let listed = below.map(|(path, object)| Listed {
                    path: path.clone(),
                    meta: meta(path, object),
                });
                std::future::ready(Ok(listed.collect()))
            })
            .await
    }
}
