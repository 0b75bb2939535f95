use std::sync::Mutex;

use convert::{About, DocumentKind, Part, Place, Unread as Missing};

use super::*;

/// Links that answer from a script, and remember what they were asked.
struct Scripted {
    answers: Mutex<BTreeMap<Link, Answer>>,
    asked: Mutex<Vec<(Link, Vec<u32>)>>,
}

#[async_trait]
impl Links for Scripted {
    async fn run(&self, link: Link, pages: &[u32]) -> Answer {
        self.asked.lock().unwrap().push((link, pages.to_vec()));
        let answer = self.answers.lock().unwrap().remove(&link);
        answer.unwrap_or_else(|| Answer::Absent(format!("install {link}")))
    }
}

/// Runs a chain of all links; returns what came of it, which links were asked for which pages, and the outcomes.
async fn run(answers: Vec<(Link, Answer)>) -> (Result<Document, Unread>, Vec<(Link, Vec<u32>)>, Vec<String>) {
    let links = Scripted {
        answers: Mutex::new(answers.into_iter().collect()),
        asked: Mutex::default(),
    };
    let walked = walk(&Link::ALL, &links).await;
    let outcomes = walked
        .tried
        .iter()
        .map(|tried| format!("{} {}", tried.link, tried.outcome));
    let outcomes = outcomes.collect();
    (walked.outcome, links.asked.into_inner().unwrap(), outcomes)
}

const SENTENCE: &str = "A page of readable text, long enough that nobody takes it for a scan.";

/// A document of pages; a page without text is a scan that was not read.
fn pages(converter: &str, pages: &[(u32, &str)]) -> Document {
    let mut markdown = String::new();
    let mut parts = Vec::new();
    for (number, text) in pages {
        parts.push(Part {
            start: markdown.len(),
            place: Place::page(*number),
            unread: text.is_empty().then(|| Missing {
                code: "needs_ocr".to_owned(),
                reason: "the page is an image".to_owned(),
            }),
        });
        if !text.is_empty() {
            markdown.push_str(text);
            markdown.push_str("\n\n");
        }
    }
    Document {
        markdown,
        about: About {
            kind: DocumentKind::Office,
            mime: "application/pdf".to_owned(),
            title: None,
            converter: converter.to_owned(),
            warnings: Vec::new(),
            parts,
        },
    }
}

fn read(document: Document) -> Answer {
    Answer::Read(Ok(document))
}

fn failed(code: &str) -> Answer {
    Answer::Read(Err(ConvertError::failed(code, format!("it is {code}"))))
}

#[tokio::test]
async fn the_first_sufficient_text_ends_the_chain() {
    let (document, asked, outcomes) = run(vec![(Link::Native, read(pages("pdf", &[(1, SENTENCE)])))]).await;
    assert_eq!(document.unwrap().about.converter, "pdf");
    assert_eq!(asked, [(Link::Native, vec![])]);
    assert_eq!(outcomes, ["native read"]);
}

#[tokio::test]
async fn later_links_read_only_the_pages_that_are_missing() {
    let (document, asked, outcomes) = run(vec![
        (
            Link::Native,
            read(pages("pdf", &[(1, SENTENCE), (2, ""), (3, SENTENCE), (4, "")])),
        ),
        (
            Link::Ocr,
            read(pages(
                "tesseract",
                &[(2, "Scanned page two, read by a machine."), (4, "")],
            )),
        ),
        (
            Link::Vision,
            read(pages("vision", &[(4, "Page four as a model sees it.")])),
        ),
    ])
    .await;
    let document = document.unwrap();
    assert_eq!(document.unread().count(), 0);
    let at = |text| document.markdown.find(text).unwrap_or(usize::MAX);
    assert!(at("Scanned page two") < at("Page four"), "{}", document.markdown);
    assert_eq!(document.place_at(at("Scanned page two")), Place::page(2));
    assert_eq!(document.place_at(at("Page four")), Place::page(4));
    let missing = vec![2, 4];
    assert_eq!(
        asked,
        [
            (Link::Native, vec![]),
            (Link::Poppler, missing.clone()),
            (Link::Ocr, missing),
            (Link::Remote, vec![4]),
            (Link::Vision, vec![4])
        ]
    );
    assert_eq!(
        outcomes,
        [
            "native read_in_part",
            "poppler absent",
            "ocr read_in_part",
            "remote absent",
            "vision read"
        ]
    );
}

#[tokio::test]
async fn rubbish_is_replaced_by_what_reads_the_whole_file() {
    let rubbish = "\u{FFFD}\u{E000}\u{FFFD}".repeat(50);
    let (document, asked, _) = run(vec![
        (Link::Native, read(pages("pdf", &[(1, &rubbish)]))),
        (Link::Poppler, read(pages("poppler", &[(1, &rubbish)]))),
        (Link::Ocr, read(pages("tesseract", &[(1, SENTENCE)]))),
    ])
    .await;
    let document = document.unwrap();
    assert_eq!(document.about.converter, "tesseract");
    assert!(document.markdown.contains(SENTENCE));
    assert_eq!(
        asked.last(),
        Some(&(Link::Ocr, vec![])),
        "all of it, as no page is known to be good"
    );
}

#[tokio::test]
async fn what_nothing_could_read_stays_missing() {
    let (document, _, _) = run(vec![
        (Link::Native, read(pages("pdf", &[(1, SENTENCE), (2, "")]))),
        (Link::Ocr, failed("converter_timeout")),
    ])
    .await;
    let document = document.unwrap();
    let missing: Vec<_> = document.unread().map(|(place, _)| place.clone()).collect();
    assert_eq!(missing, [Place::page(2)]);
    assert!(document.markdown.contains(SENTENCE));
}

#[tokio::test]
async fn a_scan_without_ocr_is_skipped_and_says_what_to_install() {
    let (document, _, _) = run(vec![(Link::Native, read(pages("pdf", &[(1, ""), (2, "")])))]).await;
    let Err(Unread::Refused(error @ ConvertError::Unsupported { .. })) = document else {
        panic!("{document:?}");
    };
    assert!(error.to_string().contains("install poppler"), "{error}");
}

#[tokio::test]
async fn a_scan_that_ocr_fails_on_is_failed() {
    let (document, _, _) = run(vec![
        (Link::Native, read(pages("pdf", &[(1, "")]))),
        (Link::Ocr, failed("converter_timeout")),
    ])
    .await;
    let Err(Unread::Refused(error @ ConvertError::Failed { .. })) = document else {
        panic!("{document:?}");
    };
    assert_eq!(error.code(), "converter_timeout");
}

#[tokio::test]
async fn another_link_may_read_what_one_calls_damaged() {
    let (document, asked, _) = run(vec![
        (Link::Native, failed("corrupt")),
        (Link::Poppler, read(pages("poppler", &[(1, SENTENCE)]))),
    ])
    .await;
    assert_eq!(document.unwrap().about.converter, "poppler");
    assert_eq!(asked, [(Link::Native, vec![]), (Link::Poppler, vec![])]);
}

#[tokio::test]
async fn the_first_link_that_failed_names_the_reason() {
    let (document, _, outcomes) = run(vec![
        (Link::Native, failed("corrupt")),
        (Link::Remote, failed("service_refused")),
    ])
    .await;
    let expected = ConvertError::failed("corrupt", "it is corrupt");
    assert_eq!(document, Err(Unread::Refused(expected)));
    assert_eq!(outcomes.len(), Link::ALL.len());
}

#[tokio::test]
async fn nobody_is_asked_for_a_file_with_a_password() {
    let (document, asked, _) = run(vec![(Link::Native, failed("password_protected"))]).await;
    assert!(matches!(document, Err(Unread::Refused(error)) if error.code() == "password_protected"));
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_service_that_is_down_settles_nothing() {
    let down = Failure::throttled("remote_unavailable", "no answer");
    let (document, _, _) = run(vec![
        (Link::Native, read(pages("pdf", &[(1, SENTENCE), (2, "")]))),
        (Link::Remote, Answer::Down(down.clone())),
    ])
    .await;
    assert_eq!(document, Err(Unread::Down(down)));
}

#[tokio::test]
async fn a_service_that_breaks_on_a_file_does_not_take_away_what_others_read() {
    let (document, _, _) = run(vec![
        (Link::Native, read(pages("pdf", &[(1, SENTENCE), (2, "")]))),
        (
            Link::Remote,
            Answer::Down(Failure::transient("remote_server_error", "it broke")),
        ),
    ])
    .await;
    assert_eq!(document.unwrap().unread().count(), 1);
    let broken = Failure::transient("remote_server_error", "it broke");
    let (document, _, _) = run(vec![
        (Link::Native, failed("corrupt")),
        (Link::Remote, Answer::Down(broken.clone())),
    ])
    .await;
    assert_eq!(
        document,
        Err(Unread::Down(broken)),
        "nothing is known of the file yet"
    );
}

#[test]
fn chains_in_words() {
    let chain: ChainOf = "pdf = native, ocr".parse().unwrap();
    assert_eq!(
        (chain.file_type, &chain.links[..]),
        (FileType::Pdf, &[Link::Native, Link::Ocr][..])
    );
    for (wrong, why) in [
        ("pdf", "TYPE=CONVERTER"),
        ("pfd=native", "is not a file type"),
        ("pdf=tesseract", "is no converter"),
        ("pdf=", "is empty"),
        ("pdf=ocr,ocr", "stands twice"),
        ("docx=ocr", "ocr cannot read docx files"),
    ] {
        let error = wrong.parse::<ChainOf>().unwrap_err();
        assert!(error.contains(why), "{wrong}: {error}");
    }
    let chains = Chains::new(&[chain]);
    assert_eq!(chains.of(FileType::Pdf), [Link::Native, Link::Ocr]);
    assert_eq!(chains.of(FileType::Docx), [Link::Native, Link::Remote]);
    assert_eq!(
        chains.of(FileType::Image),
        [Link::Ocr, Link::Remote, Link::Vision]
    );
    let only = Chains::only(Link::Ocr);
    assert_eq!(only.of(FileType::Pdf), [Link::Ocr]);
    assert_eq!(only.of(FileType::Docx), []);
}
