use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Settings {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    vectors: VectorArgs,
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    slots: u16,
    #[arg(long)]
    required: String,
    #[arg(long, value_delimiter = ';')]
    chains: Vec<String>,
}

fn parse(file: &str, flags: &[&str]) -> Result<Loaded<Settings>, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, file).unwrap();
    let mut arguments = vec![
        OsString::from("service"),
        OsString::from("--config"),
        path.into_os_string(),
    ];
    arguments.extend(flags.iter().map(OsString::from));
    load(arguments)
}

fn refusal(file: &str, flags: &[&str]) -> String {
    parse(file, flags).unwrap_err().to_string()
}

#[test]
fn a_flag_comes_before_the_file_and_the_file_before_the_default() {
    let file = "slots = 16\nrequired = \"from the file\"\nqdrant_collection_prefix = \"team\"\n";
    let loaded = parse(file, &["--slots", "32"]).unwrap();
    assert_eq!(loaded.args.slots, 32);
    assert_eq!(
        loaded.args.required, "from the file",
        "the file satisfies what is required"
    );
    assert_eq!(
        loaded.args.vectors.qdrant_collection_prefix, "team",
        "underscores are as good as hyphens"
    );
    assert_eq!(loaded.args.ledger.database_pool_size, 16);
    assert!(!loaded.args.service.check_config);
}

#[test]
fn a_setting_with_several_values_is_a_list_in_the_file() {
    let several = ["pdf=native,ocr", "image=ocr"];
    let list = parse(
        "required = \"x\"\nchains = [\"pdf=native,ocr\", \"image=ocr\"]",
        &[],
    )
    .unwrap();
    assert_eq!(list.args.chains, several);
    let text = parse("required = \"x\"\nchains = \"pdf=native,ocr;image=ocr\"", &[]).unwrap();
    assert_eq!(text.args.chains, several);
    assert!(refusal("required = \"x\"\nchains = [[1]]", &[]).contains("a number"));
}

#[test]
fn wrong_files_are_refused_with_the_place() {
    assert!(refusal("required = \"x\"\nslotz = 3", &[]).contains("\"slotz\": there is no such setting"));
    assert!(refusal("required = \"x\"\nslots = 65", &[]).contains("65 is not in 1..=64"));
    assert!(refusal("required = \"x\"\nslots = [1]", &[]).contains("a number"));
    assert!(refusal("check-config = true", &[]).contains("no such setting"));
    assert!(refusal("health = true", &[]).contains("no such setting"));
    let text = refusal("required = \"x\"\ndatabase-url = \"postgres://u:s3cret@h/d", &[]);
    assert!(text.contains("line 2") && !text.contains("s3cret"), "{text}");
    let missing = load::<Settings>(["service", "--config", "/nowhere/settings.toml"].map(OsString::from));
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .contains("/nowhere/settings.toml")
    );
    assert!(refusal("required = \"x\"\n[sources.\"ftp://x\"]\n", &[]).contains("azure://ACCOUNT/CONTAINER"));
}

#[test]
fn the_listing_says_whence_and_hides_secrets() {
    let file = "required = \"x\"\n[sources.\"azure://acct/docs\"]\nazure_storage_account_key = \"s3cret\"\n";
    let flags = [
        "--database-url",
        "postgres://user:s3cret@host/db?sslmode=require",
        "--qdrant-api-key",
        "s3cret",
    ];
    let loaded = parse(file, &flags).unwrap();
    let listing = loaded.listing;
    assert!(!listing.contains("s3cret"), "{listing}");
    assert!(listing.contains("postgres://user:***@host/db"), "{listing}");
    let line = |name: &str| {
        listing
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert!(line("required").ends_with("file"));
    assert!(line("database-url").ends_with("flag"));
    assert!(line("slots").ends_with("default"));
    assert!(line("qdrant-api-key").contains("***"));
    assert!(line("qdrant-url").contains("(not set)"));
    assert!(line("sources.\"azure://acct/docs\".azure_storage_account_key").contains("***"));
    let options = &loaded.sources[&"azure://acct/docs".parse().unwrap()];
    assert_eq!(options["azure_storage_account_key"].expose(), "s3cret");
}
