//! Messages as they are sent (RFC 5322, MIME), and web pages that are saved as one (MHTML), by `mail-parser`.

use mail_parser::{
    Addr, Address, DateTime, Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType,
};

use super::{ATTACHMENT_LEVEL, Head, Purpose, blocks, html_body, is_much_poorer, name_for, people, purpose};
use crate::context::Context;
use crate::formats::members::Members;
use crate::{ConvertError, Converted, DocumentKind, Input, charset};

/// Most messages within messages: the parser keeps them nested, and lets go of them level by level, on the stack.
const MAX_MESSAGES: usize = 2000;

pub(super) fn run(input: &Input<'_>, context: &Context<'_>) -> Result<Converted, ConvertError> {
    refuse_towers(input.bytes)?;
    let message = MessageParser::default()
        .parse(input.bytes)
        .ok_or_else(|| ConvertError::corrupt("message", "it has no headers"))?;
    let head = head(&message);
    let mut markdown = head.to_markdown();
    let mut warnings = Vec::new();
    let body = body(&message, context, &mut warnings);
    if !body.trim().is_empty() {
        blocks::push_gap(&mut markdown);
        markdown.push_str(&body);
    }
    let mut members = Members::new(context, markdown, "Attachment: ", ATTACHMENT_LEVEL);
    warnings.dedup();
    for warning in warnings {
        members.warn(warning);
    }
    let encrypted = message
        .content_type()
        .is_some_and(|kind| kind.c_type == "multipart" && kind.c_subtype.as_deref() == Some("encrypted"));
    if encrypted {
        members.add_unread(
            "encrypted message",
            ConvertError::failed(
                "password_protected",
                "the message is encrypted; save it decrypted",
            ),
        );
    } else {
        add_attachments(&mut members, &message);
    }
    let whole = members.finish();
    Ok(Converted {
        markdown: whole.markdown,
        kind: DocumentKind::Office,
        mime: "message/rfc822",
        title: head.title(),
        warnings: whole.warnings,
        parts: whole.parts,
    })
}

fn refuse_towers(bytes: &[u8]) -> Result<(), ConvertError> {
    let marks = bytes.windows(8).filter(|window| {
        window.eq_ignore_ascii_case(b"message/") || window.eq_ignore_ascii_case(b"t/digest")
    });
    if marks.count() > MAX_MESSAGES {
        return Err(ConvertError::failed(
            "too_many_members",
            format!("there are more than {MAX_MESSAGES} messages inside; index them by themselves"),
        ));
    }
    Ok(())
}

fn head(message: &Message<'_>) -> Head {
    let everybody = |header: Option<&Address<'_>>| {
        people(
            header
                .into_iter()
                .flat_map(Address::iter)
                .map(|person: &Addr<'_>| {
                    super::person(
                        person.name.as_deref().unwrap_or_default(),
                        person.address.as_deref().unwrap_or_default(),
                    )
                }),
        )
    };
    let sender = message.from().or_else(|| message.sender());
    Head {
        subject: message.subject().unwrap_or_default().to_owned(),
        from: everybody(sender),
        to: everybody(message.to()),
        cc: everybody(message.cc()),
        date: message.date().map(date).unwrap_or_default(),
    }
}

/// `2024-03-05 14:30 +01:00`; what is no date is left out.
fn date(date: &DateTime) -> String {
    if !date.is_valid() {
        return String::new();
    }
    let zone = match (date.tz_hour, date.tz_minute) {
        (0, 0) => "UTC".to_owned(),
        (hour, minute) => {
            let sign = if date.tz_before_gmt { '-' } else { '+' };
            format!("{sign}{hour:02}:{minute:02}")
        }
    };
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02} {zone}",
        date.year, date.month, date.day, date.hour, date.minute
    )
}

/// The text of the message: the plain one, unless it only stands in for the other.
fn body(message: &Message<'_>, context: &Context<'_>, warnings: &mut Vec<String>) -> String {
    let mut render = |ids: &[u32], only_text: bool| {
        let mut out = String::new();
        for part in ids.iter().filter_map(|id| message.part(*id)) {
            match &part.body {
                PartType::Text(text) => {
                    blocks::push_plain(&mut out, &readable(message, part, text, warnings))
                }
                PartType::Html(html) if !only_text => {
                    let markdown = html_body(html.as_bytes(), context, warnings);
                    blocks::push_gap(&mut out);
                    out.push_str(&markdown);
                }
                _ => {}
            }
        }
        out
    };
    if message.text_body == message.html_body {
        return render(&message.text_body, false);
    }
    let text = render(&message.text_body, false);
    let html = render(&message.html_body, false);
    if is_much_poorer(&text, &html) { html } else { text }
}

/// The text of a part. `mail-parser` reads what declares no charset as UTF-8; when it is not, the bytes are looked at again.
fn readable<'t>(
    message: &'t Message<'_>,
    part: &MessagePart<'_>,
    text: &'t str,
    warnings: &mut Vec<String>,
) -> std::borrow::Cow<'t, str> {
    let raw = message
        .raw_message
        .get(part.offset_body as usize..part.offset_end as usize);
    match raw {
        Some(bytes) if part.encoding == Encoding::None && text.contains(char::REPLACEMENT_CHARACTER) => {
            let input = Input {
                name: "",
                bytes,
                content_type: None,
            };
            match charset::decode(&input, |_| None) {
                Ok(decoded) => {
                    warnings.extend(decoded.warnings);
                    decoded.text.into()
                }
                Err(_) => text.into(),
            }
        }
        _ => text.into(),
    }
}

fn add_attachments(members: &mut Members<'_, '_>, message: &Message<'_>) {
    let all = message.attachments.len();
    for (done, id) in message.attachments.iter().enumerate() {
        let Some(part) = message.part(*id) else { continue };
        if members.is_full(all - done, all) {
            break;
        }
        let mime = mime(part);
        let name = part
            .attachment_name()
            .map_or_else(|| name_for(&mime).to_owned(), str::to_owned);
        match purpose(&mime) {
            Purpose::Furniture => {
                members.skip(&name);
                continue;
            }
            Purpose::Encrypted => {
                let error = ConvertError::failed(
                    "password_protected",
                    "the message is encrypted or signed as a whole (S/MIME); save it decrypted",
                );
                members.add_unread(&name, error);
                continue;
            }
            Purpose::Content => {}
        }
        if mime.starts_with("image/") && is_on_page(part) {
            members.skip(&name);
            continue;
        }
        let (name, bytes) = match &part.body {
            PartType::Message(inner) => (nested_name(part, inner), nested_bytes(message, part, inner)),
            PartType::Text(text) | PartType::Html(text) => (name, text.as_bytes()),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => (name, bytes.as_ref()),
            PartType::Multipart(_) => continue,
        };
        // The charset is UTF-8 by now, whatever the header says.
        members.add(&Input {
            name: &name,
            bytes,
            content_type: Some(&mime),
        });
    }
}

/// Is the part shown within the text, or a piece of a saved page?
fn is_on_page(part: &MessagePart<'_>) -> bool {
    let is_attached = part.content_disposition().is_some_and(|how| how.is_attachment());
    !is_attached || part.content_id().is_some() || part.content_location().is_some()
}

fn nested_name(part: &MessagePart<'_>, inner: &Message<'_>) -> String {
    match (part.attachment_name(), inner.subject()) {
        (Some(name), _) if !name.trim().is_empty() => name.to_owned(),
        (_, Some(subject)) if !subject.trim().is_empty() => {
            format!("{}.eml", subject.replace(['/', '\\'], " "))
        }
        _ => name_for("message/rfc822").to_owned(),
    }
}

/// The bytes of a message inside. One that was not encoded shares those of the message around it.
fn nested_bytes<'m>(message: &'m Message<'_>, part: &MessagePart<'_>, inner: &'m Message<'_>) -> &'m [u8] {
    if part.encoding == Encoding::None {
        let range = part.offset_body as usize..part.offset_end as usize;
        message.raw_message.get(range).unwrap_or_default()
    } else {
        &inner.raw_message
    }
}

/// The media type of a part, in lower case.
fn mime(part: &MessagePart<'_>) -> String {
    match (part.content_type(), &part.body) {
        (Some(kind), _) => match &kind.c_subtype {
            Some(subtype) => format!("{}/{subtype}", kind.c_type).to_ascii_lowercase(),
            None => kind.c_type.to_ascii_lowercase(),
        },
        (None, PartType::Message(_)) => "message/rfc822".to_owned(),
        (None, _) => "text/plain".to_owned(),
    }
}
