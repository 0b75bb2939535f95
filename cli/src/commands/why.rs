//! `longshore why PATH`.

use clap::Args;
use console::Style;
use control_plane::why::{StepName, Verdict, WhyAnswer};

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::line;

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The document, relative to the source.
    path: String,

    /// Also look at which place it ranks for this query.
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
}

pub(crate) async fn run(client: &Client, args: &WhyArgs) -> anyhow::Result<Exit> {
    let request = Request::get(client.of_index(&["why"]).await?)
        .with("path", &args.path)
        .with_some("query", args.query.as_ref());
    let answer = client.send(request).await?;
    client.present(&answer, show)?;
    if answer.read::<WhyAnswer>()?.found {
        Ok(Exit::Ok)
    } else {
        Ok(Exit::NotFound)
    }
}

fn show(answer: &WhyAnswer) {
    let style = if answer.found {
        Style::new().green()
    } else {
        Style::new().red().bold()
    };
    let found = if answer.found { "found" } else { "not found" };
    line(&format!(
        "{}  {}",
        Style::new().bold().apply_to(&answer.path),
        style.apply_to(found)
    ));
    if answer.steps.iter().all(|step| step.says != answer.says) {
        line(&answer.says);
    }
    line("");
    for step in &answer.steps {
        let (mark, style) = match step.verdict {
            Verdict::Ok => ("ok  ", Style::new().green()),
            Verdict::Warning => ("note", Style::new().yellow()),
            Verdict::Stop => ("STOP", Style::new().red().bold()),
        };
        line(&format!(
            "{}  {:<10}  {}",
            style.apply_to(mark),
            name(step.name),
            step.says
        ));
    }
}

fn name(step: StepName) -> &'static str {
    match step {
        StepName::Source => "source",
        StepName::Rules => "rules",
        StepName::Ledger => "ledger",
        StepName::Conversion => "conversion",
        StepName::Chunks => "chunks",
        StepName::Vectors => "vectors",
        StepName::Search => "search",
    }
}
