use clap::Parser;
use prometheus::Registry;
use shared::clock::{Clock, SystemClock};
use shared::ledger::Keys as _;
use shared::ledger::model::ModelLedger;

use super::*;

const KEY: &str = "an-admin-key-of-some-length";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    http: HttpArgs,
}

fn args(flags: &[&str]) -> HttpArgs {
    Flags::parse_from([&["test"], flags].concat()).http
}

#[test]
fn keys_are_asked_for_wherever_others_may_send_requests() {
    for (address, flags, expected) in [
        ("127.0.0.1:7700", &[][..], Place::Machine),
        ("127.9.9.9:7700", &[], Place::Machine),
        ("[::1]:7700", &[], Place::Machine),
        ("[::ffff:127.0.0.1]:7700", &[], Place::Machine),
        ("0.0.0.0:7700", &[], Place::Anywhere),
        ("[::]:7700", &[], Place::Anywhere),
        ("10.1.2.3:7700", &[], Place::Anywhere),
        ("127.0.0.1:7700", &["--admin-key", KEY], Place::Anywhere),
        (
            "127.0.0.1:7700",
            &["--bootstrap-key-file", "key"],
            Place::Anywhere,
        ),
        ("0.0.0.0:7700", &["--insecure-no-keys"], Place::Unlocked),
    ] {
        assert_eq!(
            args(flags).place(address.parse().unwrap()),
            expected,
            "{address} {flags:?}"
        );
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    assert!(args(&[]).check().is_ok());
    assert!(args(&["--admin-key", KEY]).check().is_ok());
    let short = args(&["--admin-key", "s3cret"]).check().unwrap_err();
    assert!(short.contains("24") && !short.contains("s3cret"), "{short}");
    assert!(args(&["--insecure-no-keys", "--admin-key", KEY]).check().is_err());
    assert!(Flags::try_parse_from(["test", "--tls-cert", "x"]).is_err());
    let shown = format!("{:?}", args(&["--admin-key", KEY]));
    assert!(!shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn nobody_is_locked_out_by_the_first_start() {
    let ledger = || Arc::new(ModelLedger::new(Arc::new(SystemClock) as Arc<dyn Clock>));
    let metrics = Arc::new(Metrics::register(&Registry::new()).unwrap());
    let start = async |flags: &[&str], file: Option<&Path>, ledger: &Arc<ModelLedger>| {
        let address = "0.0.0.0:7700".parse().unwrap();
        let args = args(flags);
        let guard = args.guard(address, file, None, Arc::clone(ledger) as _, Arc::clone(&metrics));
        guard.await.map(drop).map_err(|error| error.to_string())
    };
    let refused = start(&[], None, &ledger()).await.unwrap_err();
    assert!(refused.contains("LONGSHORE_ADMIN_KEY"), "{refused}");
    assert_eq!(start(&["--admin-key", KEY], None, &ledger()).await, Ok(()));
    assert_eq!(start(&["--insecure-no-keys"], None, &ledger()).await, Ok(()));

    let (folder, kept) = (tempfile::tempdir().unwrap(), ledger());
    let file = folder.path().join("key");
    assert_eq!(start(&[], Some(&file), &kept).await, Ok(()));
    assert!(file.exists() && kept.any_key().await.unwrap());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(start(&[], None, &kept).await, Ok(()), "there is a key");
    assert_eq!(start(&[], Some(&file), &kept).await, Ok(()));
    assert!(!file.exists(), "a first key is made once");
    let other = ledger();
    assert_eq!(start(&["--admin-key", KEY], Some(&file), &other).await, Ok(()));
    assert!(!file.exists(), "somebody has brought a key along");
}
