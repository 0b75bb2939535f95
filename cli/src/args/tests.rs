use clap::Command as Clap;

use super::*;

/// Every command that does something, with the words that lead to it.
fn leaves(command: &Clap, words: &[String], all: &mut Vec<(Vec<String>, Clap)>) {
    let words = [words, &[command.get_name().to_owned()]].concat();
    let below: Vec<&Clap> = command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .collect();
    for below in &below {
        leaves(below, &words, all);
    }
    if !command.is_subcommand_required_set() {
        all.push((words, command.clone()));
    }
}

#[test]
fn every_command_has_help_and_takes_json() {
    let mut root = Cli::command();
    root.build();
    root.clone().debug_assert();
    let mut all = Vec::new();
    leaves(&root, &[], &mut all);
    assert!(all.len() > 30, "{}", all.len());
    let mut wrong = Vec::new();
    for (words, command) in &all {
        let name = words.join(" ");
        if command.get_about().is_none() {
            wrong.push(format!("{name} has no help"));
        }
        if !command.get_arguments().any(|arg| arg.get_long() == Some("json")) {
            wrong.push(format!("{name} takes no --json"));
        }
        for arg in command.get_arguments().filter(|arg| arg.get_help().is_none()) {
            wrong.push(format!("{name}: {} has no help", arg.get_id()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn addresses_have_no_keys_in_them() {
    for good in ["http://localhost:8080", "https://host/longshore/"] {
        assert!(address(good).is_ok(), "{good}");
    }
    for bad in [
        "localhost:8080",
        "host",
        "ftp://host",
        "https://key@host",
        "https://a:b@host",
        "http://h/?key=1",
    ] {
        assert!(address(bad).is_err(), "{bad}");
    }
}

#[test]
fn no_flag_holds_a_secret() {
    // Those of `up` are settings of a service, which have variables beside them.
    let mut root = Cli::command();
    root.build();
    let mut all = Vec::new();
    leaves(&root, &[], &mut all);
    for (words, command) in all
        .iter()
        .filter(|(words, _)| words[1..] != ["up"] && words[1..] != ["convert"])
    {
        for long in command.get_arguments().filter_map(|arg| arg.get_long()) {
            let is_secret = ["key", "secret", "token", "password"]
                .iter()
                .any(|word| long == *word || long.ends_with(&format!("-{word}")));
            assert!(!is_secret, "{words:?} --{long}");
        }
    }
}
