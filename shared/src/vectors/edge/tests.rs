use super::*;
use crate::vectors::conformance::{self, point, terms};

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    conformance::run(async |dense_size| {
        made.set(made.get() + 1);
        EdgeVectors::open(dir.path().join(made.get().to_string()), dense_size).unwrap() as Arc<dyn Vectors>
    })
    .await;
}
