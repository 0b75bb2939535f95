//! The last words of a child.

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is kept, in bytes.
const KEPT: usize = 4 << 10;

/// The end of what a child has printed.
#[derive(Debug, Default)]
pub(super) struct LastWords(Vec<u8>);

impl LastWords {
    /// Reads to the end.
    pub(super) async fn listen(&mut self, to: &mut (impl AsyncRead + Unpin)) {
        let mut heard = [0; 1 << 10];
        // An error is an end too.
        while let Ok(length @ 1..) = to.read(&mut heard).await {
            self.0.extend_from_slice(heard.get(..length).unwrap_or_default());
            let surplus = self.0.len().saturating_sub(KEPT);
            self.0.drain(..surplus);
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// Forgets what was heard before this document.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
