//! An OpenAI-compatible embedding server for benchmarks: deterministic, fast, and with faults on demand.
//!
//! Prints its address as the first line. `GET /counts`, `POST /reset` and `POST /faults` observe and control it.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use tests::embedding_server::{EmbeddingServer, ServerSettings};

#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Numbers in a vector.
    #[arg(long, default_value_t = 384)]
    dimensions: usize,
    /// Time that each request takes at least.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let server = EmbeddingServer::start_with(ServerSettings {
        listen: arguments.listen,
        dimensions: arguments.dimensions,
        latency: Duration::from_millis(arguments.latency_ms),
    })
    .await?;
    #[expect(
        clippy::print_stdout,
        reason = "whoever starts the server reads its address here"
    )]
    {
        println!("{}", server.url());
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}
