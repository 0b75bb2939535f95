//! `longshore index set KEY=VALUE…` and `longshore index settings`.

use clap::Args;
use control_plane::http::index_settings::{SettingsChanged, SettingsGuide};

use super::assignments::{Assignment, object};
use shared::index_settings::fields::Effect;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::output::{line, note, plural};

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// A setting and its value; null takes it back to its default, lists are written with commas or as JSON.
    #[arg(value_name = "KEY=VALUE", required = true)]
    settings: Vec<Assignment>,
}

pub(super) async fn run(client: &Client, args: &SetArgs) -> anyhow::Result<Exit> {
    let request = Request::patch(client.of_index(&[]).await?).body(&object(&args.settings))?;
    client.show(request, changed).await?;
    Ok(Exit::Ok)
}

fn changed(changed: &SettingsChanged) {
    let index = &changed.index.index.id;
    if changed.effects.is_empty() {
        line(&format!("index {index} is so already"));
    }
    for effect in &changed.effects {
        line(&format!("{} {}", effect.field, takes(effect.effect)));
    }
    if changed.compares {
        note("source and index are being compared");
    }
    if changed.files_for_full_run > 0 {
        let files = plural(changed.files_for_full_run, "file");
        note(&format!(
            "{files} stay as they are until `longshore run --full --index {index}`"
        ));
    }
}

fn takes(effect: Effect) -> &'static str {
    match effect {
        Effect::Now => "takes effect now",
        Effect::NewFiles => "takes effect for new and changed files, and for the others with a full run",
        Effect::FullRun => {
            "takes effect for new and changed files, and for the others when a full run makes them again"
        }
        Effect::NewGeneration => {
            "takes effect with the next generation: see `longshore index generations list`"
        }
        Effect::Fixed => "cannot be changed: make another index",
    }
}

pub(super) async fn settings(client: &Client) -> anyhow::Result<Exit> {
    client.show(Request::get(["index-settings"]), guide).await?;
    Ok(Exit::Ok)
}

fn guide(guide: &SettingsGuide) {
    let mut table = Table::new(&["SETTING", "A CHANGE TAKES EFFECT", "HOLDS"]);
    for setting in &guide.settings {
        table.row_with(
            [
                setting.field.clone(),
                setting.effect.name().replace('_', " "),
                String::new(),
            ],
            &setting.holds,
        );
    }
    table.print();
    line("");
    for effect in &guide.effects {
        line(&format!(
            "{}: {}",
            effect.effect.name().replace('_', " "),
            takes(effect.effect)
        ));
    }
}
