//! What a child that was taken over cannot do.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use convert::sandbox::{Sandbox, SandboxSettings};
use convert::{Outcome, Profile};

use super::support::{converts, probe, probe_reply, sandbox, settings};

const DENIED: &str = "permission denied";

#[tokio::test]
async fn a_parser_reaches_nothing() {
    let sandbox = sandbox();
    let dir = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = dir.path().join("socket");
    let _unix = UnixListener::bind(&socket).unwrap();
    let file = dir.path().join("file");
    for attempt in [
        "open /etc/passwd".to_owned(),
        "open /dev/null".to_owned(),
        "open /proc/self/maps".to_owned(),
        "list /".to_owned(),
        format!("write {}", file.display()),
        format!("tcp {}", tcp.local_addr().unwrap()),
        "udp".to_owned(),
        format!("unix {}", socket.display()),
        "run /bin/true".to_owned(),
        "leave_group".to_owned(),
        format!("kill {}", std::process::id()),
        "raise_memory".to_owned(),
    ] {
        assert_eq!(
            probe(&sandbox, Profile::Parser, &attempt).await,
            DENIED,
            "{attempt}"
        );
    }
    assert!(!file.exists());
    assert_eq!(probe(&sandbox, Profile::Parser, "threads").await, "threads: 6");
    assert_eq!(converts(&sandbox).await, 0);
}

#[tokio::test]
async fn tools_run_and_read_programs_and_write_in_their_directory_alone() {
    let within = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(SandboxSettings {
        temp_dir: Some(within.path().to_owned()),
        max_file_bytes: 3 << 20,
        tools: 1,
        ..settings()
    });
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = within.path().join("socket");
    let _unix = UnixListener::bind(&socket).unwrap();
    let secret = within.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    for attempt in [
        "open /etc/passwd".to_owned(),
        "open /proc/1/environ".to_owned(),
        "list /".to_owned(),
        format!("open {}", secret.display()),
        format!("write {}", within.path().join("file").display()),
        "write /usr/file".to_owned(),
        format!("tcp {}", tcp.local_addr().unwrap()),
        "udp".to_owned(),
        format!("unix {}", socket.display()),
        "leave_group".to_owned(),
        format!("kill {}", std::process::id()),
    ] {
        assert_eq!(
            probe(&sandbox, Profile::Tools, &attempt).await,
            DENIED,
            "{attempt}"
        );
    }
    for allowed in [
        "run /bin/true",
        "run true",
        "list /usr/bin",
        "write_here",
        "open /dev/null",
    ] {
        assert_eq!(
            probe(&sandbox, Profile::Tools, allowed).await,
            "done",
            "{allowed}"
        );
    }
}

#[tokio::test]
async fn files_that_programs_write_are_limited() {
    let sandbox = Sandbox::new(SandboxSettings {
        max_file_bytes: 1 << 20,
        ..settings()
    });
    let Outcome::Error(error) = probe_reply(&sandbox, Profile::Tools, "write_here").await.outcome else {
        panic!("the file was written");
    };
    assert!(error.to_string().contains("SIGXFSZ"), "{error}");
}

#[tokio::test]
async fn the_environment_of_the_worker_stays_there() {
    // What runs these tests has an environment.
    assert!(std::env::vars_os().next().is_some());
    let sandbox = sandbox();
    assert_eq!(
        probe(&sandbox, Profile::Parser, "environment").await,
        "environment: "
    );
    assert_eq!(
        probe(&sandbox, Profile::Tools, "environment").await,
        "environment: HOME LC_ALL OMP_THREAD_LIMIT PATH TMPDIR"
    );
}
