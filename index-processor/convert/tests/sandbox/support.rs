//! A sandbox of probing children, and looks into `/proc`.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use convert::sandbox::{Reply, Sandbox, SandboxSettings};
use convert::{Options, Outcome, Profile, Request, Task};

pub(crate) fn settings() -> SandboxSettings {
    SandboxSettings {
        executable: Some(env!("CARGO_BIN_EXE_converter-child").into()),
        parsers: 2,
        tools: 2,
        ..SandboxSettings::default()
    }
}

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(settings())
}

pub(crate) fn request(name: &str) -> Request {
    Request {
        task: Task::Native { skip: Vec::new() },
        name: name.to_owned(),
        content_type: None,
        options: Options::default(),
    }
}

pub(crate) async fn probe_reply(sandbox: &Sandbox, profile: Profile, probe: &str) -> Reply {
    let request = request(&format!("probe:{probe}"));
    sandbox.run(profile, &request, Bytes::new()).await.unwrap()
}

/// What a probe tells, or the code of the error that it ended in.
pub(crate) async fn probe(sandbox: &Sandbox, profile: Profile, probe: &str) -> String {
    text(probe_reply(sandbox, profile, probe).await)
}

pub(crate) fn text(reply: Reply) -> String {
    match reply.outcome {
        Outcome::Document(document) => document.markdown,
        Outcome::Error(error) => error.code().to_owned(),
        other => panic!("neither text nor error: {other:?}"),
    }
}

/// Converts a document as production would, and says how many children were started for it.
pub(crate) async fn converts(sandbox: &Sandbox) -> u32 {
    let page = Bytes::from_static(b"<html><body><h1>Title</h1><p>Text</p></body></html>");
    let reply = sandbox
        .run(Profile::Parser, &request("page.html"), page)
        .await
        .unwrap();
    let started = reply.started;
    assert_eq!(text(reply).trim(), "# Title\n\nText");
    started
}

/// Waits until something is so; half a minute at most.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: still not so");
}

/// Processes whose parent is `parent`, zombies too.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    processes(|_, stat_parent, _| stat_parent == parent)
}

/// Processes in the group `group`, without zombies.
pub(crate) fn group(group: u32) -> Vec<u32> {
    processes(|state, _, of| of == group && state != 'Z')
}

fn processes(mut wanted: impl FnMut(char, u32, u32) -> bool) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let Some((_, fields)) = stat.rsplit_once(") ") else {
            return false;
        };
        let mut fields = fields.split(' ');
        let state = fields.next().and_then(|state| state.chars().next()).unwrap();
        let mut number = || fields.next().unwrap().parse().unwrap();
        let (parent, group) = (number(), number());
        wanted(state, parent, group)
    })
    .collect()
}

pub(crate) fn entries(of: &Path) -> usize {
    std::fs::read_dir(of).unwrap().count()
}
