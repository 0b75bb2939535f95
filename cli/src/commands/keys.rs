//! `longshore keys …`.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use console::Style;
use control_plane::http::keys::{KeyPage, KeyWanted, KeyWithSecret};
use shared::ids::{IndexId, KeyId};
use shared::ledger::{KeyRecord, Scope};

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::ask::confirm;
use crate::output::table::Table;
use crate::output::times::{Future, Span, day, moment, now};
use crate::output::{ago, line, note};

/// Keys per request.
const PAGE: u32 = 1000;

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print its secret, this once.
    Create(CreateArgs),
    /// List the keys, without their secrets.
    List(ListArgs),
    /// Give a key a new secret and print it, this once; the old one stays valid for a while.
    Rotate(RotateArgs),
    /// Revoke a key: it ends at once.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What it is called, for people and for the audit log.
    name: String,

    /// What it allows.
    #[arg(long, value_enum, required = true, value_delimiter = ',')]
    scope: Vec<KeyScope>,

    /// An index that it is for; may be given several times [default: all].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    for_index: Vec<IndexId>,

    /// When it ends by itself: 2027-01-31, 2027-01-31T12:00:00Z, or 90d from now [default: never].
    #[arg(long, value_name = "MOMENT")]
    expires: Option<Future>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KeyScope {
    /// Everything.
    Admin,
    /// To report events, start runs, and see how they go.
    Ingest,
    /// To search, and to look up files.
    Search,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Those that are revoked or expired, too.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The key, by its id or name.
    key: String,

    /// For how long the old secret stays valid: 10m, 12h, 7d; 0 ends it at once.
    #[arg(long, value_name = "SPAN", default_value = "1d")]
    overlap: Span,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The key, by its id or name.
    key: String,

    /// Do it without asking.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(client: &Client, command: KeysCommand) -> anyhow::Result<Exit> {
    match command {
        KeysCommand::Create(args) => create(client, args).await?,
        KeysCommand::List(args) => list(client, &args).await?,
        KeysCommand::Rotate(args) => rotate(client, &args).await?,
        KeysCommand::Revoke(args) => revoke(client, &args).await?,
    }
    Ok(Exit::Ok)
}

async fn create(client: &Client, args: CreateArgs) -> anyhow::Result<()> {
    let scopes = args.scope.iter().map(|scope| match scope {
        KeyScope::Admin => Scope::Admin,
        KeyScope::Ingest => Scope::Ingest,
        KeyScope::Search => Scope::Search,
    });
    let indexes: BTreeSet<IndexId> = args.for_index.into_iter().collect();
    let wanted = KeyWanted {
        name: args.name,
        scopes: scopes.collect(),
        indexes: Some(indexes).filter(|indexes| !indexes.is_empty()),
        expires_at: args.expires.map(|moment| moment.0),
    };
    client
        .show(Request::post(["apiKeys"]).body(&wanted)?, secret)
        .await
}

/// The secret alone on standard output, so that it can go into a file.
fn secret(made: &KeyWithSecret) {
    note(&format!(
        "key {} · {} · this is its secret, which is not shown again:",
        made.key.name, made.key.id
    ));
    line(&made.secret);
    if let Some(until) = made.key.old_until.filter(|until| *until > now()) {
        note(&format!("the secret until now is valid until {}", moment(until)));
    }
}

/// Every key, page by page.
async fn all(client: &Client) -> anyhow::Result<Vec<KeyRecord>> {
    let (mut keys, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let request = Request::get(["apiKeys"])
            .with("limit", PAGE)
            .with_some("cursor", cursor.as_ref());
        let page: KeyPage = client.read(request).await?;
        keys.extend(page.keys);
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(keys),
        }
    }
}

fn is_valid(key: &KeyRecord) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now())
}

async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<()> {
    let keys = all(client).await?;
    let shown: Vec<&KeyRecord> = keys.iter().filter(|key| args.all || is_valid(key)).collect();
    if client.is_json() {
        for key in shown {
            line(&serde_json::to_string(key)?);
        }
        return Ok(());
    }
    let mut table = Table::new(&["NAME", "ID", "SCOPES", "INDEXES", ">USED", "ENDS"]);
    for key in &shown {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
        let indexes = key.indexes.as_ref().map_or_else(
            || "all".to_owned(),
            |indexes| indexes.iter().map(IndexId::as_str).collect::<Vec<_>>().join(","),
        );
        table.row([
            key.name.clone(),
            key.id.to_string(),
            scopes.join(","),
            indexes,
            key.last_used_at
                .map_or_else(|| "never".to_owned(), |at| ago(now(), at)),
            end(key),
        ]);
    }
    table.print();
    let hidden = keys.len() - shown.len();
    if shown.is_empty() && hidden == 0 {
        note("there is no key");
    }
    if hidden > 0 {
        note(&format!("{hidden} revoked or expired: --all shows them"));
    }
    Ok(())
}

fn end(key: &KeyRecord) -> String {
    let dim = |text: String| Style::new().dim().apply_to(text).to_string();
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => dim(format!("revoked {}", day(at))),
        (None, Some(at)) if at <= now() => dim(format!("expired {}", day(at))),
        (None, Some(at)) => day(at),
        (None, None) => "never".to_owned(),
    }
}

/// A key by its id, or by its name when only one valid key has it.
async fn find(client: &Client, text: &str) -> anyhow::Result<KeyId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let keys = all(client).await?;
    let mut named = keys.iter().filter(|key| key.name == text && is_valid(key));
    match (named.next(), named.next()) {
        (Some(only), None) => Ok(only.id),
        (None, _) => {
            let text =
                format!("there is no valid key with the id or name {text}; `longshore keys list` lists them");
            Err(Failure::NotFound(text).into())
        }
        _ => Err(Failure::usage(format!(
            "several keys have the name {text}: give the id, as `longshore keys list` shows it"
        ))),
    }
}

async fn rotate(client: &Client, args: &RotateArgs) -> anyhow::Result<()> {
    let id = find(client, &args.key).await?.to_string();
    let request = Request::post(["apiKeys", &id, "rotate"]).with("overlap_seconds", args.overlap.0.as_secs());
    client.show(request, secret).await
}

async fn revoke(client: &Client, args: &RevokeArgs) -> anyhow::Result<()> {
    let id = find(client, &args.key).await?.to_string();
    confirm(
        &format!(
            "Revoke key {} ({id})? Whoever uses it is refused from then on.",
            args.key
        ),
        args.yes,
    )?;
    let show = |key: &KeyRecord| line(&format!("key {} ({}) is revoked", key.name, key.id));
    client.show(Request::delete(["apiKeys", &id]), show).await
}
