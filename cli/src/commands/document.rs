//! `longshore document PATH`.

use clap::Args;
use control_plane::search::document::Document;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::line;

#[derive(Debug, Args)]
pub(crate) struct DocumentArgs {
    /// The file, as `longshore files` prints it.
    path: String,

    /// Where to begin, in bytes of its Markdown: `next` of the part before, or the start of a hit's `range`.
    #[arg(long, default_value_t = 0, value_name = "BYTE")]
    from: u64,

    /// Most bytes [default: to the end; with --json, 65536].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    max_bytes: Option<u32>,

    /// Only of this version, as a hit or the part before names it.
    #[arg(long, value_name = "ETAG")]
    etag: Option<String>,
}

pub(crate) async fn run(client: &Client, args: &DocumentArgs) -> anyhow::Result<Exit> {
    let (mut from, mut etag) = (args.from, args.etag.clone());
    loop {
        let mut path = client.of_index(&["documents"]).await?;
        path.extend(args.path.split('/').map(str::to_owned));
        let request = Request::get(path)
            .with("from", from)
            .with_some("max_bytes", args.max_bytes)
            .with_some("etag", etag.as_ref());
        let answer = client.send(request).await?;
        client.present(&answer, |part: &Document| line(part.text.trim_end_matches('\n')))?;
        if client.is_json() || args.max_bytes.is_some() {
            return Ok(Exit::Ok);
        }
        let part: Document = answer.read()?;
        match part.next {
            // All parts are of one version, or it ends.
            Some(next) => (from, etag) = (next, Some(part.etag)),
            None => return Ok(Exit::Ok),
        }
    }
}
