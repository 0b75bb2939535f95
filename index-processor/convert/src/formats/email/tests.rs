use super::*;
use crate::testing::{
    compound, compound_of, damaged, eml, encrypted_zip, msg_attachment, msg_in_msg, msg_streams, run, zip,
};
use crate::{Document, Place};

fn mail(headers: &str, body: &str) -> Document {
    let message = format!("From: a@b.c\nTo: d@e.f\nSubject: s\n{headers}\n\n{body}");
    run("mail.eml", message).unwrap()
}

fn unread(document: &Document) -> Vec<(String, &str)> {
    document
        .unread()
        .map(|(place, unread)| (place.to_string(), unread.code.as_str()))
        .collect()
}

#[test]
fn a_message_with_attachments() {
    let inner = eml("# Inner\ntext", &[("deep.txt", "text/plain", b"deep")]);
    let broken = encrypted_zip(&[("a.txt", "x")]);
    let message = eml(
        "Dear Bob,\r\n\r\nthe report.\r\n-- \r\nAnn",
        &[
            ("numbers.csv", "text/csv", b"a,b\n1,2\n"),
            ("page.html", "text/html", b"<h1>Page</h1><p>text"),
            ("inner.eml", "message/rfc822", &inner),
            ("secret.zip", "application/zip", &broken),
            ("smime.p7s", "application/pkcs7-signature", b"\x30\x80"),
            ("logo.png", "image/png", b"\x89PNG\r\n\x1A\n\0\0"),
        ],
    );
    let document = run("mail.eml", message).unwrap();
    assert_eq!(document.about.title.as_deref(), Some("The report"));
    assert_eq!(
        unread(&document),
        [("secret.zip".to_owned(), "password_protected")]
    );
    assert_eq!(
        document.about.warnings,
        ["2 of the files inside hold nothing that is indexed: smime.p7s, logo.png (needs_ocr)"]
    );
    insta::assert_snapshot!(document.markdown, @r"
    # The report

    - From: Ann Smith <ann@example.com>
    - To: Bob <bob@example.com>
    - Date: 2024-03-05 14:30 +01:00

    Dear Bob,

    the report.
    \--
    Ann

    ## Attachment: numbers.csv

    | a | b |
    | --- | --- |
    | 1 | 2 |

    ## Attachment: page.html

    ### Page

    text

    ## Attachment: inner.eml

    ### The report

    - From: Ann Smith <ann@example.com>
    - To: Bob <bob@example.com>
    - Date: 2024-03-05 14:30 +01:00

    \# Inner
    text

    #### Attachment: deep.txt

    deep

    ## Attachment: secret.zip
    ");
    let at = document.markdown.find("\ndeep\n").unwrap();
    assert_eq!(
        document.place_at(at),
        Place::default().inside("inner.eml/deep.txt")
    );
    assert_eq!(document.place_at(10), Place::default());
}

#[test]
fn the_same_message_from_outlook() {
    let mut streams = msg_streams("", "The report", "Dear Bob,\r\n\r\nthe report.\r\n");
    streams.extend(msg_attachment(0, "numbers.csv", b"a,b\n1,2\n"));
    streams.extend(msg_in_msg(1, "Forwarded", "Inner", "inner text"));
    streams.extend(msg_attachment(2, "secret.zip", &encrypted_zip(&[("a.txt", "x")])));
    let document = run("mail.msg", compound(&streams)).unwrap();
    assert_eq!(document.about.title.as_deref(), Some("The report"));
    assert_eq!(
        unread(&document),
        [("secret.zip".to_owned(), "password_protected")]
    );
    insta::assert_snapshot!(document.markdown, @r"
    # The report

    - From: Ann Smith <ann@example.com>
    - To: Bob <bob@example.com>
    - Date: 2024-03-05 13:30 UTC

    Dear Bob,

    the report.

    ## Attachment: numbers.csv

    | a | b |
    | --- | --- |
    | 1 | 2 |

    ## Attachment: Forwarded.msg

    ### Inner

    - From: Ann Smith <ann@example.com>
    - To: Bob <bob@example.com>
    - Date: 2024-03-05 13:30 UTC

    inner text

    ## Attachment: secret.zip
    ");
}

#[test]
fn outlook_in_the_newer_container() {
    let streams = msg_streams("", "The report", "the text");
    let older = run("mail.msg", compound(&streams)).unwrap();
    let newer = run("mail.msg", compound_of(cfb::Version::V4, &streams)).unwrap();
    assert!(older.markdown.contains("the text"));
    assert_eq!(newer, older);
}

#[test]
fn outlook_with_damaged_names() {
    // Both make `msg_parser` panic: a property of no such number, and a name that is no longer ASCII.
    let mut streams = msg_streams("", "The report", "the text");
    streams.push((
        "__nameid_version1.0/__substg1.0_00020102".to_owned(),
        vec![0xFF; 16],
    ));
    streams.push((
        "__nameid_version1.0/__substg1.0_00030102".to_owned(),
        vec![0xFF; 16],
    ));
    streams.push(("__substg1.0_0070\u{7FFE}1F".to_owned(), vec![0; 8]));
    let document = run("mail.msg", compound(&streams)).unwrap();
    assert!(document.markdown.contains("the text"));
}

#[test]
fn outlook_in_a_windows_charset_and_with_html() {
    let html = "<html><body><p>Some <b>long</b> text that only the HTML has, with many words</body></html>";
    let document = run(
        "mail.msg",
        compound(&[
            ("__properties_version1.0", &[0u8; 32][..]),
            ("__substg1.0_0037001E", b"Gr\xFC\xDFe aus M\xFCnchen und K\xF6ln"),
            ("__substg1.0_1000001F", b"s\0e\0e\0"),
            ("__substg1.0_10130102", html.as_bytes()),
        ]),
    )
    .unwrap();
    assert_eq!(
        document.about.title.as_deref(),
        Some("Grüße aus München und Köln")
    );
    assert!(
        document.markdown.contains("Some **long** text"),
        "{}",
        document.markdown
    );
}

#[test]
fn charsets_and_encodings() {
    for (headers, body, expected) in [
        (
            "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable",
            "Gr=C3=BC=C3=9Fe =\nan alle",
            "Grüße an alle",
        ),
        (
            "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable",
            "Gr=FC=DFe",
            "Grüße",
        ),
        (
            "Content-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64",
            "xOO6ww==",
            "你好",
        ),
        (
            "Content-Type: text/plain; charset=iso-2022-jp",
            "\u{1B}$B$3$s\u{1B}(B",
            "こん",
        ),
    ] {
        let document = mail(headers, body);
        assert!(
            document.markdown.ends_with(&format!("\n\n{expected}\n")),
            "{}",
            document.markdown
        );
    }
    let undeclared = [
        b"From: a@b.c\nTo: d@e.f\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n\n".as_slice(),
        b"Sch\xF6ne Gr\xFC\xDFe aus der Stra\xDFe\n",
    ]
    .concat();
    let document = run("mail.eml", undeclared).unwrap();
    assert_eq!(document.about.title.as_deref(), Some("Grüße"));
    assert!(
        document.markdown.contains("Schöne Grüße aus der Straße"),
        "{}",
        document.markdown
    );
}

fn alternatives(text: &str, html: &str) -> String {
    mail(
        "Content-Type: multipart/alternative; boundary=x",
        &format!("--x\nContent-Type: text/plain\n\n{text}\n--x\nContent-Type: text/html\n\n{html}\n--x--\n"),
    )
    .markdown
}

#[test]
fn the_plain_text_is_taken_unless_it_is_a_stand_in() {
    let html = "<h1>News</h1><p>There is <a href='https://x.y/z'>a lot</a> to tell, in many more words <img src='cid:1' alt='cat'></p>";
    let plain = alternatives("News\n\nThere is a lot to tell, in many more words", html);
    assert!(
        plain.ends_with("\n\nNews\n\nThere is a lot to tell, in many more words\n"),
        "{plain}"
    );
    let poor = alternatives("Your program cannot show this", html);
    assert!(
        poor.ends_with("\n\n## News\n\nThere is [a lot](https://x.y/z) to tell, in many more words cat\n"),
        "{poor}"
    );
}

#[test]
fn a_saved_page_is_its_page() {
    let document = run(
        "page.mht",
        "From: <Saved by Blink>\nSubject: A page\nMIME-Version: 1.0\nContent-Type: multipart/related; type=\"text/html\"; boundary=\"x\"\n\n\
         --x\nContent-Type: text/html\nContent-Location: https://x.y/\n\n<h1>A page</h1><p>text\n\
         --x\nContent-Type: text/css\nContent-Location: cid:css\n\na { color: red }\n\
         --x\nContent-Type: image/png\nContent-Transfer-Encoding: base64\nContent-Location: https://x.y/a.png\n\niVBORw==\n--x--\n",
    )
    .unwrap();
    assert_eq!(
        document.markdown,
        "# A page\n\n- From: Saved by Blink\n\n## A page\n\ntext\n"
    );
    assert_eq!(document.about.parts, []);
}

#[test]
fn encrypted_messages_are_partly_unread() {
    let smime = mail(
        "Content-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64",
        "MIAG",
    );
    assert_eq!(unread(&smime), [("smime.p7m".to_owned(), "password_protected")]);
    let pgp = mail(
        "Content-Type: multipart/encrypted; boundary=x",
        "--x\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--x\nContent-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n--x--\n",
    );
    assert_eq!(
        unread(&pgp),
        [("encrypted message".to_owned(), "password_protected")]
    );
}

#[test]
fn of_very_many_attachments_the_first_are_read() {
    let names: Vec<String> = (0..1200).map(|number| format!("{number}.txt")).collect();
    let attachments: Vec<(&str, &str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), "text/plain", &b"text"[..]))
        .collect();
    let document = run("mail.eml", eml("body", &attachments)).unwrap();
    assert_eq!(document.about.parts.len(), 1001);
    assert_eq!(
        document
            .unread()
            .map(|(_, unread)| unread.code.as_str())
            .collect::<Vec<_>>(),
        ["too_many_members"]
    );
    assert!(document.markdown.contains("## Attachment: 999.txt\n\ntext\n"));
}

#[test]
fn a_bomb_attached_leaves_the_message() {
    let bomb = zip(&[("zeros.txt", vec![b'a'; 2 << 20])]);
    let options = crate::Options {
        max_unpacked_bytes: 1 << 20,
        ..crate::Options::default()
    };
    let message = eml("The text.", &[("bomb.zip", "application/zip", &bomb)]);
    let document = crate::testing::run_with("mail.eml", message, &options).unwrap();
    assert_eq!(unread(&document), [("bomb.zip".to_owned(), "too_large_unpacked")]);
    assert!(document.markdown.contains("The text."));
}

#[test]
fn towers_of_messages_end_at_the_limit() {
    let tower = |height: usize| {
        let levels: String = (0..height)
            .map(|level| {
                format!("From: a@b.c\nTo: d@e.f\nSubject: level {level}\nContent-Type: message/rfc822\n\n")
            })
            .collect();
        levels + "From: a@b.c\nSubject: bottom\n\ntext"
    };
    let low = run("mail.eml", tower(3)).unwrap();
    assert!(low.markdown.contains("bottom"), "{}", low.markdown);
    let high = run("mail.eml", tower(200)).unwrap();
    assert_eq!(
        high.unread()
            .map(|(_, unread)| unread.code.as_str())
            .collect::<Vec<_>>(),
        ["nested_too_deep"]
    );
    assert_eq!(
        run("mail.eml", tower(3000)).unwrap_err().code(),
        "too_many_members"
    );
}

#[test]
fn headers_are_shown_in_short() {
    let everybody: Vec<String> = (0..60).map(|number| format!("p{number}@x.y")).collect();
    let message = format!(
        "From: \"Ann\\\" Smith\" <ann@x.y>\nTo: {}\nCc: Team: a@x.y, \"b@x.y\" <b@x.y>;\nSubject: two\n lines\nMessage-ID: <1@x>\n\ntext",
        everybody.join(", ")
    );
    let markdown = run("mail.eml", message).unwrap().markdown;
    assert!(markdown.starts_with("# two lines\n\n- From: "), "{markdown}");
    assert!(
        markdown.contains("p49@x.y and 10 more\n- Cc: a@x.y, b@x.y\n\ntext"),
        "{markdown}"
    );
    assert!(!markdown.contains("Message-ID"), "{markdown}");
}

#[test]
fn damaged_messages_end_with_text_or_a_reason() {
    let mail = eml(
        "Some text",
        &[
            ("a.csv", "text/csv", b"a,b\n1,2\n"),
            ("b.zip", "application/zip", &zip(&[("c.txt", "x")])),
        ],
    );
    let mut streams = msg_streams("", "Subject", "Some text");
    streams.extend(msg_in_msg(0, "Inner", "Inner", "inner text"));
    let msg = compound(&streams);
    for (name, bytes) in [("mail.eml", mail), ("mail.msg", msg)] {
        for copy in damaged(&bytes) {
            if let Err(error) = run(name, copy) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

#[test]
fn parts_without_a_name_get_one() {
    assert_eq!(name_for("text/calendar"), "invitation.ics");
    assert_eq!(name_for("text/x-unknown"), "text.txt");
    assert_eq!(name_for("application/octet-stream"), "unnamed");
}
