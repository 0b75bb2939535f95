//! One file of each kind, taken through its life by the ledger itself: the rows that the others are copies of.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use shared::blob_path::BlobPath;
use shared::ids::{ClaimId, FileId, IndexId, RunId};
use shared::ledger::{
    Change, Claim, ClaimOutcome, ClaimRequest, Commit, CommitChange, ControlLedger, Fail, NewRun, RunKind,
    RunPage, Version,
};
use shared::place::Missing;
use shared::retry::Failure;
use shared::work_message::Lane;

/// Long enough for the benchmark.
const LEASE: Duration = Duration::from_secs(24 * 3600);

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Indexed,
    /// Indexed without some of its pages.
    Partial,
    Skipped,
    Failed,
    /// Failed with a code that few others have.
    FailedOddly,
    Deleted,
    Pending,
    Processing,
    Publishing,
    /// Indexed, and its removal waits for approval.
    Awaiting,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Indexed,
        Self::Partial,
        Self::Skipped,
        Self::Failed,
        Self::FailedOddly,
        Self::Deleted,
        Self::Pending,
        Self::Processing,
        Self::Publishing,
        Self::Awaiting,
    ];

    /// How many of a thousand files.
    pub(crate) fn per_mille(self) -> usize {
        match self {
            Self::Awaiting => 100,
            Self::Skipped | Self::Pending => 20,
            Self::Failed | Self::Deleted => 10,
            Self::Partial => 5,
            Self::FailedOddly => 1,
            // As many as there are slots of workers, however large the index.
            Self::Processing | Self::Publishing => 0,
            Self::Indexed => 834,
        }
    }
}

/// A file to copy.
pub(crate) struct Sample {
    pub(crate) kind: Kind,
    pub(crate) file: FileId,
    /// The claims of its life, in order.
    pub(crate) claims: Vec<ClaimId>,
}

/// What there is one of each of.
pub(crate) struct Samples {
    pub(crate) files: Vec<Sample>,
    /// The run that asked for the files.
    pub(crate) run: RunId,
    /// A run that is over.
    pub(crate) old_run: RunId,
}

/// Makes them in an index.
pub(crate) async fn live(ledger: &dyn ControlLedger, index: &IndexId) -> anyhow::Result<Samples> {
    let old_run = begin_run(ledger, index, Vec::new()).await?;
    // It is over because somebody looks.
    ledger.run(old_run).await?.context("a run is gone")?;
    let paths = Kind::ALL
        .map(path)
        .into_iter()
        .collect::<anyhow::Result<Vec<_>>>()?;
    let scanned = paths
        .iter()
        .cloned()
        .map(|path| Change::new(path, "scan", Lane::Bulk));
    let run = begin_run(ledger, index, scanned.collect()).await?;
    let mut files = Vec::new();
    for (kind, path) in Kind::ALL.into_iter().zip(paths) {
        let life = Life { ledger, index, path };
        files.push(Sample {
            kind,
            file: FileId::of(index, &life.path),
            claims: life.lead(kind).await?,
        });
    }
    Ok(Samples { files, run, old_run })
}

/// Where a sample is; nothing else is in this folder.
fn path(kind: Kind) -> anyhow::Result<BlobPath> {
    Ok(BlobPath::new(format!("{FOLDER}/{kind:?}.md"))?)
}

/// The folder of the samples.
pub(crate) const FOLDER: &str = "samples";

/// A run that has recorded everything.
async fn begin_run(
    ledger: &dyn ControlLedger,
    index: &IndexId,
    changes: Vec<Change>,
) -> anyhow::Result<RunId> {
    let run = NewRun {
        id: RunId::generate(),
        index: index.clone(),
        kind: RunKind::Scan,
        asked_by: "somebody".to_owned(),
        path: None,
        lease: Duration::ZERO,
    };
    ledger.open_run(&run).await?;
    let page = RunPage {
        changes,
        ..RunPage::default()
    };
    let recorded = ledger.advance_run(&run.work(), &page, Duration::ZERO).await?;
    recorded.context("the run was not recorded")?;
    Ok(run.id)
}

/// A file that was just recorded.
struct Life<'a> {
    ledger: &'a dyn ControlLedger,
    index: &'a IndexId,
    path: BlobPath,
}

impl Life<'_> {
    /// Leads it to what it is to become; returns its claims.
    async fn lead(&self, kind: Kind) -> anyhow::Result<Vec<ClaimId>> {
        if kind == Kind::Pending {
            return Ok(Vec::new());
        }
        let claim = self.claim().await?;
        let mut claims = vec![claim.hold.claim_id];
        match kind {
            Kind::Pending | Kind::Processing => {}
            Kind::Indexed => {
                self.commit(&claim, CommitChange::Replace(version(Vec::new())))
                    .await?
            }
            Kind::Partial => {
                self.commit(&claim, CommitChange::Replace(version(vec![missing()])))
                    .await?
            }
            Kind::Skipped => {
                let why = Failure::permanent("unsupported_type", "no converter reads this kind of file");
                let version = Version {
                    chunks: 0,
                    ..version(Vec::new())
                };
                self.commit(&claim, CommitChange::Skip(version, why)).await?;
            }
            Kind::Failed => self.fail(&claim, "conversion_failed").await?,
            Kind::FailedOddly => self.fail(&claim, "encrypted").await?,
            Kind::Deleted => {
                self.commit(&claim, CommitChange::Replace(version(Vec::new())))
                    .await?;
                self.record(false).await?;
                let second = self.claim().await?;
                claims.push(second.hold.claim_id);
                self.commit(&second, CommitChange::Remove).await?;
                self.ledger.release(&second.hold, Duration::ZERO).await?;
            }
            Kind::Publishing => {
                self.commit(&claim, CommitChange::Replace(version(Vec::new())))
                    .await?;
                self.record(false).await?;
                let second = self.claim().await?;
                claims.push(second.hold.claim_id);
                self.commit(&second, CommitChange::Replace(version(Vec::new())))
                    .await?;
            }
            Kind::Awaiting => {
                self.commit(&claim, CommitChange::Replace(version(Vec::new())))
                    .await?;
                self.record(true).await?;
            }
        }
        Ok(claims)
    }

    async fn record(&self, hold: bool) -> anyhow::Result<()> {
        let change = Change {
            hold,
            ..Change::new(self.path.clone(), "event", Lane::Fast)
        };
        self.ledger.enqueue(self.index, &[change]).await?;
        Ok(())
    }

    async fn claim(&self) -> anyhow::Result<Claim> {
        let request = ClaimRequest {
            index: self.index.clone(),
            file_id: FileId::of(self.index, &self.path),
            claim_id: ClaimId::generate(),
            owner: "processor-1".to_owned(),
            lease: LEASE,
        };
        match self.ledger.claim(&request).await? {
            ClaimOutcome::Claimed(claim) => Ok(*claim),
            ClaimOutcome::NotClaimable => bail!("{} is not claimable", self.path),
        }
    }

    async fn commit(&self, claim: &Claim, change: CommitChange) -> anyhow::Result<()> {
        let detail = json!({
            "converter": "text", "chunks": 5, "embedded": 5, "reused": 0, "tokens": 1200,
            "fetch_ms": 3, "convert_ms": 8, "embed_ms": 41, "upsert_ms": 6
        });
        let commit = Commit {
            hold: claim.hold.clone(),
            change,
            detail,
            debounce: Duration::ZERO,
        };
        self.ledger.commit(&commit).await?;
        Ok(())
    }

    async fn fail(&self, claim: &Claim, code: &str) -> anyhow::Result<()> {
        let fail = Fail {
            hold: claim.hold.clone(),
            failure: Failure::permanent(code, "the document cannot be read; repair or remove it"),
            delay: Duration::ZERO,
            max_attempts: 5,
            etag: Some("tag".to_owned()),
            standing: false,
        };
        self.ledger.fail(&fail).await?;
        Ok(())
    }
}

fn version(missing: Vec<Missing>) -> Version {
    Version {
        etag: "tag".to_owned(),
        content_hash: "hash".to_owned(),
        pipeline: "0123456789abcdef0123456789abcdef".to_owned(),
        size: 10_000,
        chunks: 5,
        missing,
    }
}

fn missing() -> Missing {
    Missing {
        parts: "pages 3-7".to_owned(),
        count: 5,
        code: "no_text".to_owned(),
        reason: "these pages are images; set up a converter that reads them".to_owned(),
    }
}
