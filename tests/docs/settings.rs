//! `docs/settings.md`, made from the settings of both services.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory;
use control_plane::settings::ControlPlaneSettings;
use index_processor::settings::ProcessorSettings;
use shared::settings::MODEL_ENTRIES;
use shared::settings::reference::{SettingRow, rows};

const INTRODUCTION: &str = "# Settings of the services

<!-- Made from the settings types of both services; LONGSHORE_BLESS=1 with its test (tests/docs/settings.rs) writes it anew. -->

`control-plane` and `index-processor` read a TOML file (`--config FILE`), then the environment, then flags; the later wins. A \
setting has the same name in the file and as a flag: `slots` below is `slots = 16` in the file and `--slots 16` on the command \
line. `config` and `check-config` cannot be in the file.

`--check-config` checks the settings, prints each with its origin, secrets masked, and connects to nothing. A wrong setting ends \
a service with exit code 2 and a sentence that names it. Give secrets as environment variables: a command line can be read by \
others.

The settings of `longshore up` are in [the command line](cli.md#longshore-up); those of an index, which change while it \
runs, in [settings of an index](index-settings.md).

";

const SOURCES: &str = "
## Keys of sources

Credentials of sources come from the environment, in the variables that the providers' own tools use, or from tables of the \
settings file, one per source. Entries of a table come before the environment, and have the same names in either case. Both \
services need them: the control plane lists, the index processors read.

```toml
[sources.\"azure://acct/handbook\"]
azure_storage_account_key = \"…\"

[sources.\"s3://team-docs\"]
aws_access_key_id = \"…\"
aws_secret_access_key = \"…\"
aws_region = \"eu-central-1\"

[sources.\"gs://team-docs\"]
google_service_account = \"/run/secrets/gcs.json\"
```

| source | most used | without a key |
|---|---|---|
| Azure | `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_KEY`, `AZURE_CLIENT_ID` with `AZURE_TENANT_ID` and `AZURE_CLIENT_SECRET` | the managed or workload identity of the machine |
| S3 | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP` | the role of the instance |
| Google Cloud Storage | `GOOGLE_SERVICE_ACCOUNT` (a file), `GOOGLE_SERVICE_ACCOUNT_KEY` (its content) | the service account of the machine |

All names are those of [object_store](https://docs.rs/object_store/latest/object_store/): \
[Azure](https://docs.rs/object_store/latest/object_store/azure/enum.AzureConfigKey.html), \
[S3](https://docs.rs/object_store/latest/object_store/aws/enum.AmazonS3ConfigKey.html), \
[Google](https://docs.rs/object_store/latest/object_store/gcp/enum.GoogleConfigKey.html).

## Named models

An index may name another model than the one that the service is set to (`\"embedding\"` of `POST /indexes`, or a \
[generation](generations.md)). Such models are tables of the settings file, the same for both services. A key is sent only to the \
address that it stands beside.

";

const SCALING: &str = "
## Numbers of autoscalers

No service reads these. They are in `deploy/kubernetes/base/scaling.env`, what is in `settings/scaling.env` of an overlay comes \
before it, and kustomize puts them into the manifests; see [scaling](scaling.md).

| variable | default | meaning |
|---|---|---|
";

/// What autoscalers go by, each with the comment above it.
fn scaling(page: &mut String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/base/scaling.env");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    page.push_str(SCALING);
    let mut meaning = "";
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            meaning = comment;
        } else if let Some((name, default)) = line.split_once('=') {
            let _infallible = writeln!(page, "| `{name}` | `{default}` | {meaning} |");
        }
    }
}

fn table(page: &mut String, title: &str, rows: &[SettingRow]) {
    let mut headings: Vec<&str> = Vec::new();
    let mut by_heading: BTreeMap<&str, Vec<&SettingRow>> = BTreeMap::new();
    for row in rows {
        if !headings.contains(&row.heading.as_str()) {
            headings.push(&row.heading);
        }
        by_heading.entry(&row.heading).or_default().push(row);
    }
    let _infallible = writeln!(page, "## {title}");
    for heading in headings {
        let _infallible = write!(
            page,
            "\n### {heading}\n\n| setting | variable | holds | default | meaning |\n|---|---|---|---|---|\n"
        );
        for row in &by_heading[heading] {
            let _infallible = writeln!(page, "{}", row.markdown());
        }
    }
    page.push('\n');
}

fn page() -> String {
    let control = rows(&ControlPlaneSettings::command());
    let processor = rows(&ProcessorSettings::command());
    let (both, control): (Vec<_>, Vec<_>) = control.into_iter().partition(|row| processor.contains(row));
    let processor: Vec<_> = processor.into_iter().filter(|row| !both.contains(row)).collect();
    let mut page = INTRODUCTION.to_owned();
    table(&mut page, "Both services", &both);
    table(&mut page, "control-plane", &control);
    table(&mut page, "index-processor", &processor);
    page.push_str(SOURCES.trim_start());
    page.push_str("| entry of `[models.NAME]` | meaning |\n|---|---|\n");
    for (name, meaning) in MODEL_ENTRIES {
        let _infallible = writeln!(page, "| `{name}` | {meaning} |");
    }
    scaling(&mut page);
    page
}

#[test]
fn the_page_of_settings_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/settings.md");
    let made = page();
    if std::env::var_os("LONGSHORE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/settings.md is not what the settings say: look at what changed, then write it with \
         LONGSHORE_BLESS=1 cargo test --workspace --test docs page_of_settings"
    );
}
