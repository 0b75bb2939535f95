//! The suite of sources on Azurite, through the way that services open a source.

use std::collections::BTreeMap;

use shared::blob_path::BlobPath;
use shared::blobs::objects::open;
use shared::blobs::source::Source;
use shared::blobs::{BlobError, conformance};
use shared::secret::Secret;
use tests::azurite::{Azurite, KEY};

#[tokio::test(flavor = "multi_thread")]
async fn azure_conforms() -> anyhow::Result<()> {
    let azurite = Azurite::start()?;
    let container = azurite.container("suite").await?;
    let account = format!("{}/devstoreaccount1", azurite.url());
    let options = [
        ("azure_storage_account_key", KEY),
        ("azure_storage_endpoint", &account),
        ("azure_allow_http", "true"),
    ];
    let options: BTreeMap<String, Secret> = options
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Secret::new(value)))
        .collect();
    let source: Source = container.source().parse()?;
    let blobs = open(&source, &options)?;
    let write = async |path: &BlobPath, text: Option<&str>| {
        let done = match text {
            Some(text) => container.put(path.as_str(), text.to_owned()).await,
            None => container.remove(path.as_str()).await,
        };
        done.expect("the emulator takes it");
    };
    conformance::run(&*blobs, write).await;

    // A container that is not there is not a blob that is not there.
    let elsewhere: Source = "azure://devstoreaccount1/nowhere".parse()?;
    let blobs = open(&elsewhere, &options)?;
    let path = BlobPath::new("a.md")?;
    for answer in [blobs.head(&path).await.map(drop), blobs.list("").await.map(drop)] {
        assert!(
            matches!(&answer, Err(BlobError::Unavailable(why)) if why.contains("does not exist")),
            "{answer:?}"
        );
    }

    // A wrong key is the operator's matter: no blob is to blame, and the key is not told.
    let mut wrong = options.clone();
    wrong.insert(
        "azure_storage_account_key".to_owned(),
        Secret::new("d3JvbmctczNjcmV0"),
    );
    let blobs = open(&source, &wrong)?;
    let refused = blobs.list("").await;
    assert!(
        matches!(&refused, Err(BlobError::Unavailable(why)) if !why.contains("d3Jvbmc")),
        "{refused:?}"
    );
    Ok(())
}
