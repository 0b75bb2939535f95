//! Benchmarks of Longshore beside its peers, on a public corpus; see `benches/README.md`.
#![expect(
    clippy::print_stdout,
    reason = "tables are printed for the person who asked for them"
)]

mod corpus;
mod fleet;
mod growth;
mod machine;
mod measure;
mod million;
mod passes;
mod report;
mod systems;
mod tools;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::corpus::Kind;
use crate::tools::Tools;

#[derive(Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// `longshore up DIR --once` and the peers: cold, unchanged, changed, renamed, deleted, touched, killed.
    Embedded {
        #[command(flatten)]
        common: Common,
        /// Times that each pass is measured; the median is reported.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
        rounds: u32,
        /// Measure Longshore alone.
        #[arg(long)]
        no_peers: bool,
    },
    /// Session cycles through RabbitMQ and PostgreSQL beside the servers used raw; event to searchable; scale-out.
    Fleet {
        /// Sessions and messages of each measurement.
        #[arg(long, default_value_t = 5000)]
        sessions: usize,
    },
    /// A million files listed, filtered and counted through the HTTP routes, beside a tenth of them.
    Million {
        #[command(flatten)]
        options: million::Options,
    },
    /// Peak memory and speed of Longshore on the corpus once, twice and four times.
    Growth {
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
struct Common {
    /// What to index.
    #[arg(long, value_enum, default_value = "html")]
    corpus: Kind,
    /// Folder for the corpus, the peers' environment, the indexes and the results.
    #[arg(long, default_value = "target/bench", value_name = "FOLDER")]
    cache: PathBuf,
    /// A built longshore [default: build it and take that].
    #[arg(long, value_name = "FILE")]
    longshore: Option<PathBuf>,
}

// The embedding server runs in here, on the runtime's threads; the main thread waits for the measured processes.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Embedded {
            common,
            rounds,
            no_peers,
        } => {
            let tools = Tools::prepare(&common.cache, common.longshore, !no_peers)?;
            let outcome = passes::compare(&tools, common.corpus, rounds).await?;
            report::write(&tools, &format!("embedded-{}", common.corpus.name()), &outcome)
        }
        Command::Fleet { sessions } => fleet::measure(sessions).await,
        Command::Million { options } => million::measure(&options).await,
        Command::Growth { common } => {
            let tools = Tools::prepare(&common.cache, common.longshore, false)?;
            growth::measure(&tools, common.corpus).await
        }
    }
}
