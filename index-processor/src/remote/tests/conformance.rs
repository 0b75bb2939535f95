//! What every service keeps to.

use std::time::Duration;

use shared::retry::{Failure, FailureClass};

use super::super::error::codes;
use super::double::{Double, Reply};
use super::*;

fn class(error: &RemoteError) -> FailureClass {
    Failure::from(error).class
}

/// The error of a service whose first answers are these.
async fn after(kind: Kind, replies: impl IntoIterator<Item = Reply>) -> (RemoteError, usize) {
    let double = kind.double().await;
    double.trouble(replies);
    let converter = kind.converter(settings(&double.url()));
    let error = convert(&*converter, FileType::Pdf, &[]).await.unwrap_err();
    assert_secret(&error, &*converter);
    (error, double.seen().len())
}

fn assert_secret(error: &RemoteError, converter: &dyn RemoteConverter) {
    let failure = Failure::from(error);
    let shown = format!("{error} {error:?} {error:#?} {failure} {failure:?} {converter:?} {converter:#?}");
    assert!(!shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn a_good_document() {
    for kind in Kind::ALL {
        let double = kind.double().await;
        let converter = kind.converter(settings(&double.url()));
        let document = convert(&*converter, FileType::Pdf, &[]).await.unwrap();
        let texts: Vec<_> = parts(&document)
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .collect();
        assert_eq!(
            texts,
            named(&[("page 1", "# One\n\nfirst text"), ("page 3", "third text")]),
            "{kind:?}"
        );
        assert_eq!(document.about.converter, converter.name());
        assert_eq!(document.about.mime, "application/pdf");
        assert_eq!(document.about.title.as_deref(), Some("One"), "{kind:?}");
        assert!(document.about.warnings.is_empty(), "{kind:?}");
        assert!(converter.handles(FileType::Pdf) && !converter.handles(FileType::Code));
        for seen in double.seen() {
            assert!(!seen.holds("plans for"), "{kind:?} sends the name");
            assert!(!seen.holds(KEY), "{kind:?} sends the key outside of its header");
        }
    }
}

#[tokio::test]
async fn some_pages() {
    for kind in Kind::ALL {
        let double = kind.double().await;
        let converter = kind.converter(settings(&double.url()));
        let document = convert(&*converter, FileType::Pdf, &[2, 3]).await.unwrap();
        assert_eq!(
            parts(&document),
            named(&[("page 2", ""), ("page 3", "third text")]),
            "{kind:?}: a blank page was read, and is empty"
        );
        let blank = convert(&*converter, FileType::Pdf, &[2]).await.unwrap();
        assert_eq!(parts(&blank), named(&[("page 2", "")]), "{kind:?}");
    }
}

#[tokio::test]
async fn throttled() {
    for kind in Kind::ALL {
        let busy = || Reply::status(429, "{\"detail\":\"slow down\"}").with("retry-after", "7");
        let (error, requests) = after(kind, [busy()]).await;
        assert_eq!(error.code(), codes::THROTTLED, "{kind:?} {error}");
        assert_eq!(class(&error), FailureClass::Throttled);
        assert_eq!(Failure::from(&error).retry_after, Some(Duration::from_secs(7)));
        assert_eq!(requests, 1, "{kind:?}: seven seconds are not waited for in place");

        let double = kind.double().await;
        double.trouble([Reply::status(429, "").with("retry-after", "0.01")]);
        let converter = kind.converter(settings(&double.url()));
        convert(&*converter, FileType::Pdf, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn unavailable() {
    for kind in Kind::ALL {
        for status in [502, 503, 504] {
            let (error, requests) = after(kind, vec![Reply::status(status, "<html>down</html>"); 3]).await;
            assert_eq!(error.code(), codes::UNAVAILABLE, "{kind:?} {error}");
            assert_eq!(class(&error), FailureClass::Throttled, "{kind:?}");
            assert_eq!(requests, 3, "{kind:?}");
        }
        let gone = kind.double().await.url();
        let converter = kind.converter(settings(&gone));
        let error = convert(&*converter, FileType::Pdf, &[]).await.unwrap_err();
        assert_eq!(error.code(), codes::UNAVAILABLE, "{kind:?} {error}");
    }
}

#[tokio::test]
async fn broken_once_and_for_ever() {
    for kind in Kind::ALL {
        let double = kind.double().await;
        double.trouble([Reply::status(500, "oops")]);
        let converter = kind.converter(settings(&double.url()));
        convert(&*converter, FileType::Pdf, &[]).await.unwrap();

        let (error, _) = after(kind, vec![Reply::status(500, "{\"error\":\"oops\"}"); 3]).await;
        assert_eq!(error.code(), codes::SERVER_ERROR, "{kind:?} {error}");
        assert_eq!(
            class(&error),
            FailureClass::Transient,
            "{kind:?}: a file that breaks a service is not tried for ever"
        );
    }
}

#[tokio::test]
async fn refused() {
    for kind in Kind::ALL {
        let replies = kind.refusal();
        let expected = replies.len();
        let (error, requests) = after(kind, replies).await;
        assert_eq!(error.code(), codes::REFUSED, "{kind:?} {error}");
        assert_eq!(class(&error), FailureClass::Permanent);
        assert_eq!(requests, expected, "{kind:?}: it is not asked again");
        assert!(
            error.to_string().contains("the format is odd"),
            "{kind:?} {error}"
        );
        let refused = error.into_convert_error().unwrap();
        assert_eq!(refused.code(), codes::REFUSED);

        let (error, _) = after(kind, [Reply::status(413, "")]).await;
        assert_eq!(error.code(), codes::TOO_LARGE, "{kind:?}");
        let (error, _) = after(kind, [Reply::status(400, "{\"detail\":\"File is encrypted.\"}")]).await;
        assert_eq!(error.code(), codes::PASSWORD_PROTECTED, "{kind:?}");
    }
}

#[tokio::test]
async fn misconfigured() {
    for kind in Kind::ALL {
        let elsewhere = Double::start(|_| Reply::status(200, "{}")).await;
        let to = elsewhere.url();
        let cases = [
            (
                Reply::status(401, &format!("{{\"detail\":\"bad key {KEY}\"}}")),
                "REMOTE_CONVERTER_KEY",
            ),
            (Reply::status(403, KEY), "REMOTE_CONVERTER_KEY"),
            (
                Reply::status(400, "{\"detail\":\"API key is malformed\"}"),
                "REMOTE_CONVERTER_KEY",
            ),
            (Reply::status(404, "no such page"), "REMOTE_CONVERTER_URL"),
            (
                Reply::status(302, "").with("location", to.clone()),
                "REMOTE_CONVERTER_URL",
            ),
            (
                Reply::status(307, "").with("location", to),
                "REMOTE_CONVERTER_URL",
            ),
            (
                Reply::status(
                    422,
                    "{\"detail\":[{\"loc\":[\"body\",\"files\"],\"msg\":\"field required\"}]}",
                ),
                "REMOTE_CONVERTER_URL",
            ),
            (
                Reply::status(418, &format!("{{\"error\":\"{KEY}\"}}")),
                "REMOTE_CONVERTER_URL",
            ),
        ];
        for (reply, setting) in cases {
            let (error, requests) = after(kind, [reply.clone()]).await;
            assert!(
                matches!(error, RemoteError::Misconfigured { .. }),
                "{kind:?} {reply:?} {error}"
            );
            assert!(error.to_string().contains(setting), "{kind:?} {reply:?} {error}");
            assert_eq!(class(&error), FailureClass::Throttled, "not the file's fault");
            assert_eq!(requests, 1, "{kind:?} {reply:?}: trying again is of no use");
        }
        assert!(elsewhere.seen().is_empty(), "{kind:?} follows a redirect");
        let (error, _) = after(kind, [Reply::status(402, "{\"detail\":\"pay\"}")]).await;
        assert_eq!(error.code(), codes::QUOTA_SPENT, "{kind:?}");
    }
}

#[tokio::test]
async fn answers_of_any_length() {
    for kind in Kind::ALL {
        for reply in [Reply::Endless, Reply::Announced] {
            let (error, _) = after(kind, [reply.clone()]).await;
            assert_eq!(
                error.code(),
                codes::OUTPUT_TOO_LARGE,
                "{kind:?} {reply:?} {error}"
            );
            assert_eq!(class(&error), FailureClass::Permanent, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn answers_that_are_none() {
    for kind in Kind::ALL {
        let echo = format!("{{\"key\":\"{KEY}\"");
        for odd in [
            "",
            "<html>",
            "[[1]]",
            "{\"task_id\":\"../x\",\"task_status\":\"success\"}",
            &echo,
        ] {
            let (error, _) = after(kind, vec![Reply::status(200, odd); 3]).await;
            assert_eq!(error.code(), codes::BAD_REPLY, "{kind:?} {odd:?} {error}");
            assert_eq!(class(&error), FailureClass::Transient);
        }
        let (error, _) = after(kind, vec![Reply::BreakOff("{\"task_id\":".to_owned()); 3]).await;
        assert_eq!(error.code(), codes::UNAVAILABLE, "{kind:?} {error}");
    }
}

#[tokio::test]
async fn silence_ends() {
    for kind in Kind::ALL {
        let double = kind.double().await;
        double.trouble(vec![Reply::Hang; 3]);
        let converter = kind.converter(ServiceSettings {
            timeout: Duration::from_millis(100),
            ..settings(&double.url())
        });
        let error = convert(&*converter, FileType::Pdf, &[]).await.unwrap_err();
        assert!(
            [codes::TOO_SLOW, codes::UNAVAILABLE].contains(&error.code()),
            "{kind:?} {error}"
        );
        assert_ne!(class(&error), FailureClass::Permanent, "{kind:?}");
    }
}

#[tokio::test]
async fn no_more_than_so_many_at_a_time() {
    for kind in Kind::ALL {
        let double = kind.double().await;
        double.slow_down(Duration::from_millis(10));
        let converter = kind.converter(ServiceSettings {
            max_in_flight: 2,
            ..settings(&double.url())
        });
        let all = (0..6).map(|_| convert(&*converter, FileType::Pdf, &[]));
        for converted in futures::future::join_all(all).await {
            converted.unwrap();
        }
        assert_eq!(double.most_in_flight(), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn nothing_in_the_file() {
    for kind in Kind::ALL {
        let double = match kind {
            Kind::Docling => {
                Double::start(|seen| super::docling::with_result(seen, &super::docling::blank())).await
            }
            Kind::Unstructured => Double::start(|_| Reply::status(200, "[]")).await,
            Kind::Azure => Double::start(|seen| super::azure::with_result(seen, "", &[])).await,
        };
        let converter = kind.converter(settings(&double.url()));
        let error = convert(&*converter, FileType::Pdf, &[]).await.unwrap_err();
        assert_eq!(error.code(), codes::EMPTY, "{kind:?} {error}");
        assert!(matches!(
            error.into_convert_error(),
            Ok(convert::ConvertError::Unsupported { .. })
        ));
    }
}
