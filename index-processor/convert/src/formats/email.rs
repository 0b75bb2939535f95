//! Mail, as it is sent and as Outlook saves it: subject, who wrote to whom, the text, then the attachments.

mod eml;
mod msg;

use super::links::{self, Drop};
use super::{blocks, html};
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, Input};

pub(crate) const CONVERTER: Converter = Converter {
    name: "email",
    version: 1,
    run,
};

/// Level of the heading above each attachment; the subject is above that.
const ATTACHMENT_LEVEL: usize = 2;

/// How much more the HTML of a message must say than its plain text to be taken in its place.
const POORER: usize = 2;

fn run(input: &Input<'_>, format: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    match format {
        Format::Msg => msg::run(input, context),
        _ => eml::run(input, context),
    }
}

/// What stands above the text of a message.
#[derive(Default)]
struct Head {
    subject: String,
    from: String,
    to: String,
    cc: String,
    date: String,
}

impl Head {
    fn to_markdown(&self) -> String {
        let mut out = String::new();
        let subject = self.title();
        if let Some(subject) = &subject {
            blocks::push_heading(&mut out, 1, subject);
        }
        for (name, value) in [
            ("From", &self.from),
            ("To", &self.to),
            ("Cc", &self.cc),
            ("Date", &self.date),
        ] {
            if !value.is_empty() {
                out.push_str(&format!("- {name}: {value}\n"));
            }
        }
        out
    }

    fn title(&self) -> Option<String> {
        Some(blocks::one_line(&self.subject)).filter(|subject| !subject.is_empty())
    }
}

/// One person in a header: `Ann Smith <ann@example.com>`.
fn person(name: &str, address: &str) -> String {
    let (name, address) = (
        blocks::one_line(name.trim_matches(['"', '\''])),
        blocks::one_line(address),
    );
    if name.is_empty() || name.eq_ignore_ascii_case(&address) {
        address
    } else if address.is_empty() {
        name
    } else {
        format!("{name} <{address}>")
    }
}

/// Everybody in a header; of a mailing to thousands, the first ones.
fn people(people: impl Iterator<Item = String>) -> String {
    const MOST: usize = 50;
    let people: Vec<String> = people.filter(|person| !person.is_empty()).collect();
    let mut line = people[..people.len().min(MOST)].join(", ");
    if people.len() > MOST {
        line.push_str(&format!(" and {} more", people.len() - MOST));
    }
    line
}

/// The Markdown of the HTML of a message, with its headings below the subject; empty when there is nothing in it.
fn html_body(bytes: &[u8], context: &Context<'_>, warnings: &mut Vec<String>) -> String {
    let input = Input {
        name: "body.html",
        bytes,
        content_type: None,
    };
    let Ok(converted) = (html::CONVERTER.run)(&input, Format::Html, context) else {
        return String::new();
    };
    warnings.extend(converted.warnings);
    let mut out = String::new();
    // Pictures of a message are attachments, or only count its readers.
    let markdown = links::without_targets(&converted.markdown, Drop::Pictures);
    blocks::push_markdown(&mut out, &markdown, 1, &[]);
    out
}

/// Is the plain text of a message only a stand-in for its HTML?
fn is_much_poorer(text: &str, html: &str) -> bool {
    let words = |text: &str| {
        let words = text.split_whitespace().filter(|word| !word.contains("://"));
        words
            .filter(|word| word.chars().any(char::is_alphanumeric))
            .count()
    };
    words(text) * POORER < words(html)
}

/// What a part without a name is called.
fn name_for(mime: &str) -> &'static str {
    match mime {
        "text/html" => "page.html",
        "text/calendar" => "invitation.ics",
        "text/csv" => "table.csv",
        "application/pdf" => "document.pdf",
        "message/rfc822" | "message/global" => "message.eml",
        "message/delivery-status" => "delivery-status.txt",
        "text/rfc822-headers" => "headers.txt",
        _ if mime.starts_with("text/") => "text.txt",
        _ => "unnamed",
    }
}

/// What a part of a message is for, as its type tells.
#[derive(Debug, PartialEq, Eq)]
enum Purpose {
    /// To be read.
    Content,
    /// Signatures, styles, fonts: to be left out.
    Furniture,
    /// The message itself, encrypted.
    Encrypted,
}

fn purpose(mime: &str) -> Purpose {
    match mime {
        "application/pkcs7-signature"
        | "application/x-pkcs7-signature"
        | "application/pgp-signature"
        | "application/pgp-keys"
        | "application/pgp-encrypted"
        | "text/css"
        | "text/x-amp-html"
        | "text/javascript"
        | "application/javascript"
        | "application/x-javascript" => Purpose::Furniture,
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => Purpose::Encrypted,
        _ if mime.starts_with("font/") => Purpose::Furniture,
        _ => Purpose::Content,
    }
}

#[cfg(test)]
mod tests;
