//! What a document that has taken over a converter might do. A probe tells what happened as the text of a document.

use std::hint::black_box;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use convert::{About, Answer, Document, DocumentKind, Input, Outcome, Request};

pub(super) fn work(request: &Request, input: &Input<'_>, deadline: Instant) -> Answer {
    let Some(probe) = request.name.strip_prefix("probe:") else {
        return convert::child::convert_request(request, input, deadline);
    };
    let (probe, argument) = probe.split_once(' ').unwrap_or((probe, ""));
    Answer {
        file_type: None,
        outcome: Outcome::Document(Document {
            markdown: run(probe, argument),
            about: About {
                kind: DocumentKind::Text,
                mime: "text/plain".to_owned(),
                title: None,
                converter: "probe".to_owned(),
                warnings: Vec::new(),
                parts: Vec::new(),
            },
        }),
    }
}

fn told<T>(result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(error) => error.kind().to_string(),
    }
}

fn run(probe: &str, argument: &str) -> String {
    match probe {
        "open" => told(std::fs::File::open(argument)),
        "list" => told(std::fs::read_dir(argument)),
        "write" => told(std::fs::write(argument, "written")),
        "write_here" => told(
            std::env::current_dir().and_then(|here| std::fs::write(here.join("file"), vec![0_u8; 2 << 20])),
        ),
        "tcp" => told(std::net::TcpStream::connect(argument)),
        "udp" => told(std::net::UdpSocket::bind("127.0.0.1:0")),
        "unix" => told(std::os::unix::net::UnixStream::connect(argument)),
        "run" => told(Command::new(argument).stdout(Stdio::null()).status()),
        "program" => told(
            Command::new("sleep")
                .arg("1000000")
                .spawn()
                .and_then(|mut child| child.wait()),
        ),
        "leave_group" => told(rustix::process::setsid().map_err(Into::into)),
        "kill" => told(kill(argument).map_err(Into::into)),
        "raise_memory" => told(raise_memory().map_err(Into::into)),
        "environment" => {
            let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
            let mut names: Vec<String> = names.collect();
            names.sort();
            format!("environment: {}", names.join(" "))
        }
        "process" => std::process::id().to_string(),
        "here" => {
            std::env::current_dir().map_or_else(|error| error.to_string(), |here| here.display().to_string())
        }
        "threads" => {
            let threads = (0..4).map(|n| std::thread::spawn(move || n));
            let joined = threads.map(|thread| thread.join().unwrap_or(100)).sum::<u32>();
            format!("threads: {joined}")
        }
        "stdin" => {
            let mut read = Vec::new();
            told(std::io::stdin().read_to_end(&mut read)) + &format!(" {}", read.len())
        }
        "print" => {
            let mut out = std::io::stdout();
            told(out.write_all(&vec![b'x'; 1 << 20]).and_then(|()| out.flush()))
        }
        "allocate" => format!("{}", black_box(vec![1_u8; 10 << 30]).len()),
        "leak" => format!(
            "{}",
            Box::leak(vec![1_u8; argument.parse().unwrap_or(0)].into_boxed_slice()).len()
        ),
        "output" => "x".repeat(argument.parse().unwrap_or(0)),
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        "sleep" => {
            std::thread::sleep(Duration::from_millis(argument.parse().unwrap_or(0)));
            "slept".to_owned()
        }
        "spin" => loop {
            black_box(argument);
        },
        "overflow" => overflow(0).to_string(),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(argument.parse().unwrap_or(0)),
        "panic" => panic!("the probe panics"),
        _ => format!("there is no probe {probe}"),
    }
}

fn kill(process: &str) -> rustix::io::Result<()> {
    let process = process.parse().ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(
        process.ok_or(rustix::io::Errno::INVAL)?,
        rustix::process::Signal::TERM,
    )
}

fn raise_memory() -> rustix::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: None,
        maximum: None,
    };
    setrlimit(Resource::As, none)
}

#[expect(unconditional_recursion, reason = "this is what it is for")]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    overflow(depth + 1) + black_box(frame)[0]
}
