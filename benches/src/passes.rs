//! The passes, in the order in which a round runs them, and what each costs each system.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;
use tests::embedding_server::{EmbeddingServer, ServerSettings};

use crate::corpus::{Kind, WorkingCopy, remove};
use crate::machine::Machine;
use crate::measure::{self, Usage};
use crate::systems::{self, Content, Job, System};
use crate::tools::Tools;

/// Numbers in a vector, those of small open models.
const DIMENSIONS: usize = 384;
/// What an endpoint in the same region takes for a batch.
const SLOW_MODEL: Duration = Duration::from_millis(50);

/// What happens to the corpus before an index is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Pass {
    /// No index yet.
    Cold,
    /// Nothing happened.
    Unchanged,
    /// A new paragraph in 1% of the files.
    Edited,
    /// Other names for 1% of the files.
    Renamed,
    /// 1% of the files are gone.
    Deleted,
    /// All files have a new modification time.
    Touched,
    /// No index yet, and an embedding endpoint that takes its time.
    ColdSlowModel,
    /// The first process was killed when half of the texts were embedded; this is the second.
    Resumed,
}

impl Pass {
    /// In the order of a round: each pass up to `Touched` starts from the index of the pass before.
    pub(crate) const ALL: [Self; 8] = [
        Self::Cold,
        Self::Unchanged,
        Self::Edited,
        Self::Renamed,
        Self::Deleted,
        Self::Touched,
        Self::ColdSlowModel,
        Self::Resumed,
    ];

    /// For tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Unchanged => "nothing changed",
            Self::Edited => "1% edited",
            Self::Renamed => "1% renamed",
            Self::Deleted => "1% deleted",
            Self::Touched => "all mtimes touched",
            Self::ColdSlowModel => "cold, embedder takes 50 ms",
            Self::Resumed => "resumed after SIGKILL half-way",
        }
    }

    fn change(self, corpus: &WorkingCopy, kind: Kind) -> anyhow::Result<()> {
        match self {
            Self::Edited => corpus.edit(kind),
            Self::Renamed => corpus.rename(kind),
            Self::Deleted => corpus.delete(),
            Self::Touched => corpus.touch(),
            Self::Cold | Self::Unchanged | Self::ColdSlowModel | Self::Resumed => Ok(()),
        }
    }

    fn starts_empty(self) -> bool {
        matches!(self, Self::Cold | Self::ColdSlowModel | Self::Resumed)
    }

    /// After these the content is looked into: when the index is new, and when everything has happened to it.
    fn is_checked(self) -> bool {
        matches!(self, Self::Cold | Self::Touched | Self::Resumed)
    }
}

/// One pass of one system in one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The system's name.
    pub(crate) system: &'static str,
    /// The pass.
    pub(crate) pass: Pass,
    /// The round, from 1.
    pub(crate) round: u32,
    /// The whole process.
    pub(crate) usage: Usage,
    /// The seconds that are compared: the process's, for Python without its imports.
    pub(crate) seconds: f64,
    /// Texts that the endpoint was asked to embed. In [`Pass::Resumed`]: beyond those of a pass that nobody kills.
    pub(crate) texts: i64,
    /// Requests that they came in.
    pub(crate) requests: u64,
    /// What the index holds now, if it was asked.
    pub(crate) content: Option<Content>,
}

/// All that was measured.
#[derive(Serialize)]
pub(crate) struct Outcome {
    /// What it was measured on.
    pub(crate) machine: Machine,
    /// The corpus.
    pub(crate) corpus: &'static str,
    /// Its files.
    pub(crate) files: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Systems, in the order of the tables.
    pub(crate) systems: Vec<&'static str>,
    /// Everything, in the order in which it ran.
    pub(crate) samples: Vec<Sample>,
}

/// Runs all passes of all systems side by side, `rounds` times.
pub(crate) async fn compare(tools: &Tools, kind: Kind, rounds: u32) -> anyhow::Result<Outcome> {
    let original = kind.fetch(tools)?;
    let machine = Machine::look()?;
    if machine.is_busy() {
        println!("the machine is busy: seconds will say more about its load than about what is measured");
    }
    let bench = Bench {
        fast: serve(Duration::ZERO).await?,
        slow: serve(SLOW_MODEL).await?,
        scratch: tools.cache.join("work").join(kind.name()),
    };
    let systems = systems::all(tools);
    let mut samples = Vec::new();
    let mut size = (0, 0);
    for round in 1..=rounds {
        let corpus = WorkingCopy::make(&original, bench.scratch.join("corpus"))?;
        size = corpus.size()?;
        for pass in Pass::ALL {
            pass.change(&corpus, kind)?;
            for system in systems.iter().filter(|system| system.takes_part(pass)) {
                let cold_texts = texts_of(&samples, system.name(), Pass::ColdSlowModel);
                let sample = bench
                    .run(system.as_ref(), &corpus, pass, round, cold_texts)
                    .with_context(|| format!("{}, {}", system.name(), pass.title()))?;
                progress(&sample);
                samples.push(sample);
            }
        }
    }
    Ok(Outcome {
        machine,
        corpus: kind.name(),
        files: size.0,
        bytes: size.1,
        systems: systems.iter().map(|system| system.name()).collect(),
        samples,
    })
}

/// Starts an embedding endpoint in this process.
pub(crate) async fn serve(latency: Duration) -> anyhow::Result<EmbeddingServer> {
    let settings = ServerSettings {
        dimensions: DIMENSIONS,
        latency,
        ..ServerSettings::default()
    };
    Ok(EmbeddingServer::start_with(settings).await?)
}

struct Bench {
    fast: EmbeddingServer,
    slow: EmbeddingServer,
    scratch: PathBuf,
}

impl Bench {
    fn run(
        &self,
        system: &dyn System,
        corpus: &WorkingCopy,
        pass: Pass,
        round: u32,
        cold_texts: i64,
    ) -> anyhow::Result<Sample> {
        let server = match pass {
            Pass::ColdSlowModel | Pass::Resumed => &self.slow,
            _ => &self.fast,
        };
        let url = server.url();
        let job = Job {
            corpus: &corpus.folder,
            data: self.scratch.join(system.name().replace([',', ' '], "-")),
            url: &url,
        };
        if pass.starts_empty() {
            remove(&job.data)?;
        }
        server.reset();
        if pass == Pass::Resumed {
            let half = cold_texts as u64 / 2;
            let killed = measure::kill_when(&mut system.ingest(&job), || server.counts().texts >= half)?;
            ensure!(killed, "the process ended before it could be killed");
        }
        let (usage, printed) = measure::run(&system.ingest(&job), &self.scratch)?;
        let counts = server.counts();
        let spent = if pass == Pass::Resumed { cold_texts } else { 0 };
        let content = if pass.is_checked() {
            system.content(&job)?
        } else {
            None
        };
        if let Some(content) = &content {
            let files = corpus.files()?.len();
            ensure!(
                content.stale == 0 && content.hits > 0 && content.files as usize * 100 >= files * 98,
                "{files} files should be in the index, but {content:?}"
            );
        }
        Ok(Sample {
            system: system.name(),
            pass,
            round,
            seconds: system.own_seconds(&printed).unwrap_or(usage.wall_s),
            usage,
            texts: counts.texts as i64 - spent,
            requests: counts.requests,
            content,
        })
    }
}

fn texts_of(samples: &[Sample], system: &str, pass: Pass) -> i64 {
    let mut of_system = samples.iter().rev().filter(|sample| sample.system == system);
    of_system
        .find(|sample| sample.pass == pass)
        .map_or(0, |sample| sample.texts)
}

fn progress(sample: &Sample) {
    println!(
        "round {}  {:<20}  {:<30}  {:>7.2} s  {:>7.2} CPU s  {:>5.0} MiB  {:>6} texts  {}",
        sample.round,
        sample.system,
        sample.pass.title(),
        sample.seconds,
        sample.usage.cpu_s,
        sample.usage.peak_rss_mib,
        sample.texts,
        sample
            .content
            .as_ref()
            .map_or_else(String::new, |content| format!("{content:?}")),
    );
}
