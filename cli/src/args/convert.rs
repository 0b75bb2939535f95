//! The flags of `longshore convert`.

use std::path::PathBuf;

use clap::Args;
use index_processor::conversion::chain::Link;
use index_processor::conversion::settings::ConvertArgs;

#[derive(Debug, Args)]
pub(crate) struct ConvertFilesArgs {
    /// Files, or folders of files.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Write the Markdown to FOLDER, as NAME.md, instead of printing it.
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,

    /// Take this converter only: native, poppler, ocr, remote, vision.
    #[arg(long, value_name = "NAME")]
    pub(crate) converter: Option<Link>,

    #[command(flatten)]
    pub(crate) convert: ConvertArgs,
}
