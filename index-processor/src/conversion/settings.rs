//! Settings of conversion, as flags, variables and file entries.

use std::time::Duration;

use clap::Args;
use convert::sandbox::{Sandbox, SandboxSettings};
use convert::tools::Tools;
use convert::{FileType, Options};
use shared::blobs::source::Source;
use shared::settings::SourceOptions;

use super::artifacts::Artifacts;
use super::chain::{ChainOf, Chains};
use super::{Conversion, ReadingSettings};
use crate::remote::RemoteArgs;
use crate::vision::VisionArgs;

/// How files become Markdown.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Conversion")]
pub struct ConvertArgs {
    /// Converters of a type, in the order in which they are tried, as TYPE=CONVERTER,CONVERTER; may be given several times
    /// (in the variable separated by ";", in the file as a list). Converters are native, poppler, ocr, remote, vision; the types are those
    /// that `longshore convert --json` names. Unless said otherwise, all that there are, in this order.
    #[arg(
        long = "converters",
        env = "INDEXER_CONVERTERS",
        value_name = "TYPE=CONVERTERS",
        value_delimiter = ';'
    )]
    pub converters: Vec<ChainOf>,

    /// Types to index that are left alone otherwise: doc, xls, ppt (Office up to 2003), audio, video (need a service that
    /// writes them down).
    #[arg(long, env = "INDEXER_OPEN_TYPES", value_name = "TYPES", value_delimiter = ',')]
    pub open_types: Vec<FileType>,

    /// Languages that OCR looks for, joined by "+", as tesseract names them.
    #[arg(long, env = "OCR_LANGUAGES", default_value = "eng", value_name = "LANGUAGES")]
    pub ocr_languages: String,

    /// Most pages of a file that are read as images, by OCR or a vision model.
    #[arg(long, env = "OCR_MAX_PAGES", default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub ocr_max_pages: u32,

    /// Child processes that convert, at a time [default: one a processor core].
    #[arg(long, env = "CONVERTER_PROCESSES", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub converter_processes: Option<u16>,

    /// Memory of one converting child process, in MiB; a file that needs more fails.
    #[arg(long, env = "CONVERTER_MEMORY_MIB", default_value_t = 1024, value_name = "MIB", value_parser = clap::value_parser!(u64).range(128..=1_048_576))]
    pub converter_memory: u64,

    /// Longest conversion of one file by one converter; 2 s more for each MiB of it.
    #[arg(long, env = "CONVERTER_TIMEOUT_SECONDS", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub converter_timeout: u64,

    /// Files after which a converting child process is replaced.
    #[arg(long, env = "CONVERTER_RECYCLE_AFTER", default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub converter_recycle_after: u32,

    /// Most text that a file may have, in MiB.
    #[arg(long, env = "CONVERTER_MAX_TEXT_MIB", default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub converter_max_text: u64,

    /// Most that a file's compressed parts may unpack to, in MiB.
    #[arg(long, env = "CONVERTER_MAX_UNPACKED_MIB", default_value_t = 512, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub converter_max_unpacked: u64,

    /// Most files inside a file: members of archives, attachments.
    #[arg(long, env = "CONVERTER_MAX_MEMBERS", default_value_t = 1000, value_name = "N")]
    pub converter_max_members: u32,

    /// Where to keep converted documents, so that cutting them anew or a crash after an expensive conversion does not pay
    /// again: azure://ACCOUNT/CONTAINER, s3://BUCKET, gs://BUCKET or file:///FOLDER.
    #[arg(long, env = "ARTIFACT_STORE", value_name = "STORE")]
    pub artifact_store: Option<Source>,

    /// A conversion service.
    #[command(flatten)]
    pub remote: RemoteArgs,

    /// A vision model.
    #[command(flatten)]
    pub vision: VisionArgs,
}

impl ConvertArgs {
    /// The converters. `sources` has the options of the artifact store, if it needs any.
    ///
    /// # Errors
    /// The text says which setting to change.
    pub fn open(&self, sources: &SourceOptions) -> Result<Conversion, String> {
        let artifacts = self
            .artifact_store
            .as_ref()
            .map(|store| Artifacts::open(store, &sources.get(store).cloned().unwrap_or_default()))
            .transpose()
            .map_err(|error| format!("--artifact-store: {error}"))?;
        Ok(Conversion {
            circuits: None,
            options: self.options(),
            chains: Chains::new(&self.converters),
            sandbox: Some(Sandbox::new(self.sandbox())),
            tools: Tools::find(),
            reading: ReadingSettings {
                languages: self.ocr_languages.clone(),
                max_pages: self.ocr_max_pages,
                ..ReadingSettings::default()
            },
            remote: self.remote.open()?,
            vision: self.vision.open()?,
            artifacts,
        })
    }

    /// Checks what can be checked without starting anything.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn check(&self) -> Result<(), String> {
        self.remote.open()?;
        self.vision.open()?;
        Ok(())
    }

    fn options(&self) -> Options {
        Options {
            open: self.open_types.clone(),
            max_output_bytes: self.converter_max_text << 20,
            max_unpacked_bytes: self.converter_max_unpacked << 20,
            max_members: self.converter_max_members,
            ..Options::default()
        }
    }

    fn sandbox(&self) -> SandboxSettings {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let children = self.converter_processes.map_or(cores, usize::from);
        let time = Duration::from_secs(self.converter_timeout);
        SandboxSettings {
            parsers: children,
            tools: children,
            memory_bytes: self.converter_memory << 20,
            wall: time,
            cpu: time,
            recycle_after: self.converter_recycle_after,
            max_output_bytes: self.converter_max_text << 20,
            ..SandboxSettings::default()
        }
    }
}
