//! Settings as flags.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    remote: RemoteArgs,
}

fn open(flags: &[&str]) -> Result<Option<Arc<dyn RemoteConverter>>, String> {
    let flags = ["test"].iter().chain(flags);
    Flags::try_parse_from(flags).unwrap().remote.open()
}

#[test]
fn services_by_name() {
    assert!(open(&[]).unwrap().is_none());
    for (kind, name) in [
        ("docling", "docling"),
        ("unstructured", "unstructured"),
        ("azure", "azure"),
    ] {
        let flags = [
            "--remote-converter",
            kind,
            "--remote-converter-url",
            "https://host/base/",
        ];
        let converter = open(&flags).unwrap().unwrap();
        assert_eq!(converter.name(), name);
        assert!(!converter.fingerprint().is_empty());
    }
}

#[test]
fn mistakes_say_what_to_change() {
    let with_url = |url| ["--remote-converter", "docling", "--remote-converter-url", url];
    let key = ["--remote-converter-key", "sk-1\nsk-2"];
    let cases: [(Vec<&str>, &str); 6] = [
        (
            vec!["--remote-converter", "docling"],
            "needs --remote-converter-url",
        ),
        (
            vec!["--remote-converter-url", "http://host"],
            "needs --remote-converter",
        ),
        (with_url("localhost:5001").to_vec(), "http://"),
        (with_url("http://me:pass@host").to_vec(), "REMOTE_CONVERTER_KEY"),
        (with_url("http://host?code=1").to_vec(), "query"),
        ([&with_url("http://host")[..], &key[..]].concat(), "line break"),
    ];
    for (flags, expected) in cases {
        let error = open(&flags).unwrap_err();
        assert!(error.contains(expected), "{flags:?}: {error}");
        assert!(!error.contains("sk-1") && !error.contains("pass"), "{error}");
    }
}

#[test]
fn the_key_never_shows() {
    let flags = Flags::parse_from([
        "test",
        "--remote-converter",
        "azure",
        "--remote-converter-url",
        "https://host",
        "--remote-converter-key",
        KEY,
    ]);
    let converter = flags.remote.open().unwrap();
    assert!(!format!("{flags:?} {flags:#?} {converter:?} {converter:#?}").contains(KEY));
}
