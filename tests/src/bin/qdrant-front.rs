//! A stand-in for a Qdrant server, for tests: its gRPC interface over Qdrant Edge. See [`tests::qdrant_front`].
//!
//! Prints its address as the first line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use shared::secret::Secret;
use tests::qdrant_front::{FrontSettings, QdrantFront};

#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the collections are.
    #[arg(long)]
    dir: PathBuf,
    /// The key that requests must carry.
    #[arg(long)]
    api_key: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let front = QdrantFront::start(FrontSettings {
        listen: arguments.listen,
        dir: arguments.dir,
        api_key: arguments.api_key.as_deref().map(Secret::new),
    })
    .await?;
    #[expect(
        clippy::print_stdout,
        reason = "whoever starts the front reads its address here"
    )]
    {
        println!("{}", front.url());
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}
