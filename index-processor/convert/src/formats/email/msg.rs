//! Messages as Outlook saves them, by `msg_parser`.
//!
//! What that crate leaves out is read from the container by `cfb`: text in a Windows charset, and messages within the
//! message, which are not files there but folders. Of a text that is only there as RTF, it makes HTML with the font table
//! in it; that goes through the RTF converter instead.

use std::borrow::Cow;
use std::io::{Cursor, Read, Write};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use cfb::{CompoundFile, Version};
use msg_parser::{Attachment, Outlook, Person};

use super::{
    ATTACHMENT_LEVEL, Head, Purpose, blocks, html_body, is_much_poorer, name_for, people, person, purpose,
};
use crate::context::Context;
use crate::format::Format;
use crate::formats::members::Members;
use crate::formats::rtf;
use crate::{ConvertError, Converted, DocumentKind, Input, charset};

type Container<'b> = CompoundFile<Cursor<&'b [u8]>>;

/// What Outlook calls an attachment that is a message.
const EMBEDDED_MESSAGE: u32 = 5;

/// The stream that fixed properties of a message are in, and the length of its header in a message within another one;
/// by itself, a message has some bytes more (MS-OXMSG 2.4.1).
const PROPERTIES: &str = "__properties_version1.0";
const EMBEDDED_HEADER: usize = 24;
const MISSING_HEADER: usize = 8;

/// The folder of the names of properties that programs defined for themselves.
const NAMED_PROPERTIES: &str = "__nameid_version1.0";

/// Most streams of a message that is written anew.
const MAX_STREAMS: usize = 20_000;

pub(super) fn run(input: &Input<'_>, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let mut container = CompoundFile::open(Cursor::new(input.bytes)).ok();
    if let Some(container) = &container {
        refuse_overlaps(container, context)?;
    }
    let anew = match &mut container {
        Some(container) => copy(container, Path::new("/"), 0, context)?,
        None => None,
    };
    let bytes = anew.as_deref().unwrap_or(input.bytes);
    // Some damaged messages make the crate panic.
    let parsed = catch_unwind(|| {
        let message = Outlook::from_slice(bytes).map_err(|error| error.to_string())?;
        let rtf = message.rtf_decompressed();
        Ok::<_, String>((message, rtf))
    });
    let (message, rtf) = parsed
        .unwrap_or_else(|_| Err("its structure contradicts itself".to_owned()))
        .map_err(|why| ConvertError::corrupt("message", why))?;

    let mut warnings = Vec::new();
    let subject = text(&message.subject, &mut container, "", "0037");
    let plain = text(&message.body, &mut container, "", "1000");
    let head = head(&message, &subject, &mut container);
    let mut markdown = head.to_markdown();
    let body = body(&plain, &message.html, rtf.as_deref(), context, &mut warnings);
    if !body.trim().is_empty() {
        blocks::push_gap(&mut markdown);
        markdown.push_str(&body);
    }
    let mut members = Members::new(context, markdown, "Attachment: ", ATTACHMENT_LEVEL);
    for warning in warnings {
        members.warn(warning);
    }
    let folders = container.as_ref().map(attachment_folders).unwrap_or_default();
    let all = message.attachments.len();
    for (at, attachment) in message.attachments.iter().enumerate() {
        if members.is_full(all - at, all) {
            break;
        }
        // Both list the attachments in the order of their numbers.
        let folder = folders.get(at).filter(|_| folders.len() == all);
        add(&mut members, attachment, folder, &mut container, context);
    }
    let whole = members.finish();
    Ok(Converted {
        markdown: whole.markdown,
        kind: DocumentKind::Office,
        mime: "application/vnd.ms-outlook",
        title: head.title(),
        warnings: whole.warnings,
        parts: whole.parts,
    })
}

/// Streams that share their sectors let a small file hold any amount.
fn refuse_overlaps(container: &Container<'_>, context: &Context<'_>) -> Result<(), ConvertError> {
    let total = container
        .walk()
        .fold(0u64, |total, entry| total.saturating_add(entry.len()));
    if total > context.unpack_left() {
        context.unpacked(total)?;
    }
    Ok(())
}

fn head(message: &Outlook, subject: &str, container: &mut Option<Container<'_>>) -> Head {
    let one = |who: &Person| person(&who.name, if who.email.contains('@') { &who.email } else { "" });
    let mut from = one(&message.sender);
    if from.is_empty() {
        from = blocks::one_line(&text("", container, "", "0C1A"));
    }
    let times = [&message.client_submit_time, &message.message_delivery_time];
    let date = times
        .into_iter()
        .find(|time| !time.is_empty())
        .map_or_else(|| blocks::one_line(&message.headers.date), |time| date(time));
    Head {
        subject: subject.to_owned(),
        from,
        to: people(message.to.iter().map(one)),
        cc: people(message.cc.iter().map(one)),
        date,
    }
}

/// `2024-03-05T14:30:00Z` as messages that are sent have it.
fn date(time: &str) -> String {
    match (time.get(..10), time.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => time.to_owned(),
    }
}

/// The text of the message: the plain one, unless it only stands in for the other.
fn body(
    plain: &str,
    html: &str,
    rtf: Option<&[u8]>,
    context: &Context<'_>,
    warnings: &mut Vec<String>,
) -> String {
    let mut text = String::new();
    blocks::push_plain(&mut text, plain.trim_end_matches('\0'));
    let html = html_body(&html_bytes(html), context, warnings);
    if is_much_poorer(&text, &html) {
        return html;
    }
    if !text.trim().is_empty() {
        return text;
    }
    let input = rtf.map(|bytes| Input {
        name: "body.rtf",
        bytes,
        content_type: None,
    });
    input
        .and_then(|input| (rtf::CONVERTER.run)(&input, Format::Rtf, context).ok())
        .map(|converted| converted.markdown)
        .unwrap_or_default()
}

/// The bytes of the HTML, which the crate gives as text, or in hexadecimal when Outlook kept bytes.
fn html_bytes(html: &str) -> Cow<'_, [u8]> {
    let digits = html.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    if digits.is_empty() || !rest.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return digits.into();
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default();
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high) << 4 | digit(*low)).unwrap_or_default())
        .collect::<Vec<u8>>()
        .into()
}

/// A text property as the crate found it or, where it did not, as the container has it in some Windows charset.
fn text(found: &str, container: &mut Option<Container<'_>>, folder: &str, property: &str) -> String {
    if !found.is_empty() {
        return found.trim_end_matches('\0').to_owned();
    }
    let path = format!("{folder}/__substg1.0_{property}001E");
    let read = container.as_mut().and_then(|container| {
        let mut bytes = Vec::new();
        container.open_stream(path).ok()?.read_to_end(&mut bytes).ok()?;
        let input = Input {
            name: "",
            bytes: &bytes,
            content_type: None,
        };
        Some(charset::decode(&input, |_| None).ok()?.text)
    });
    read.unwrap_or_default().trim_end_matches('\0').to_owned()
}

/// The folders of the attachments, in the order of their numbers.
fn attachment_folders(container: &Container<'_>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = container
        .read_root_storage()
        .filter(|entry| entry.is_storage() && entry.name().starts_with("__attach_version1.0_#"))
        .map(|entry| entry.path().to_owned())
        .collect();
    folders.sort();
    folders
}

fn add(
    members: &mut Members<'_, '_>,
    attachment: &Attachment,
    folder: Option<&PathBuf>,
    container: &mut Option<Container<'_>>,
    context: &Context<'_>,
) {
    let mime = attachment.mime_tag.to_ascii_lowercase();
    let in_folder = folder.and_then(|folder| folder.to_str()).unwrap_or("?");
    let names = [
        (&attachment.long_file_name, "3707"),
        (&attachment.display_name, "3001"),
        (&attachment.file_name, "3704"),
    ];
    let name = names
        .into_iter()
        .map(|(found, property)| text(found, container, in_folder, property))
        .find(|name| !name.trim().is_empty())
        .unwrap_or_else(|| name_for(&mime).to_owned());
    let is_on_page = mime.starts_with("image/") && !attachment.content_id.is_empty();
    if is_on_page || purpose(&mime) == Purpose::Furniture {
        members.skip(&name);
        return;
    }
    if attachment.attach_method == EMBEDDED_MESSAGE && attachment.payload_bytes.is_empty() {
        let name = if name.to_ascii_lowercase().ends_with(".msg") {
            name
        } else {
            format!("{name}.msg")
        };
        let message = match (folder, container.as_mut()) {
            (Some(folder), Some(container)) => {
                let inside = folder.join("__substg1.0_3701000D");
                copy(container, &inside, MISSING_HEADER, context).map(Option::unwrap_or_default)
            }
            _ => Ok(Vec::new()),
        };
        match message {
            Ok(bytes) if bytes.is_empty() => {
                let error = ConvertError::corrupt("message", "a message inside it is not where it should be");
                members.add_unread(&name, error);
            }
            Ok(bytes) => {
                members.add(&Input {
                    name: &name,
                    bytes: &bytes,
                    content_type: None,
                });
            }
            Err(error) => {
                members.add_unread(&name, error);
            }
        }
        return;
    }
    if attachment.payload_bytes.is_empty() {
        // A link to a file, or an object of a program.
        members.skip(&name);
        return;
    }
    members.add(&Input {
        name: &name,
        bytes: &attachment.payload_bytes,
        content_type: (!mime.is_empty()).then_some(&mime),
    });
}

/// The message in `folder` as a file of its own, whose header lacks so many bytes there; `None` when it has too many streams
/// for that.
///
/// It is written anew without what damage does to names, and without the table of named properties: both make the crate
/// panic, and nothing here needs them. The crate also reads the older version of containers only.
fn copy(
    container: &mut Container<'_>,
    folder: &Path,
    missing: usize,
    context: &Context<'_>,
) -> Result<Option<Vec<u8>>, ConvertError> {
    let broken = |error: std::io::Error| ConvertError::corrupt("message", error);
    let entries: Vec<(PathBuf, bool)> = container
        .walk_storage(folder)
        .map_err(broken)?
        .take(MAX_STREAMS + 1)
        .map(|entry| (entry.path().to_owned(), entry.is_stream()))
        .collect();
    if entries.len() > MAX_STREAMS {
        return Ok(None);
    }
    let mut message =
        CompoundFile::create_with_version(Version::V3, Cursor::new(Vec::new())).map_err(broken)?;
    for (path, is_stream) in entries {
        let Some(inside) = path.strip_prefix(folder).ok().and_then(Path::to_str) else {
            continue;
        };
        if inside.is_empty() || !inside.is_ascii() || inside.starts_with(NAMED_PROPERTIES) {
            continue;
        }
        let target = Path::new("/").join(inside);
        if !is_stream {
            message.create_storage_all(&target).map_err(broken)?;
            continue;
        }
        let Ok(stream) = container.open_stream(&path) else {
            continue;
        };
        let mut bytes = match context.unpack(stream, "message") {
            Ok(bytes) => bytes,
            // The other streams may be whole.
            Err(error) if error.code() == "corrupt" => continue,
            Err(error) => return Err(error),
        };
        if inside == PROPERTIES && bytes.len() >= EMBEDDED_HEADER {
            bytes.splice(EMBEDDED_HEADER..EMBEDDED_HEADER, std::iter::repeat_n(0, missing));
        }
        // What does not fit beside the others, such as a second stream of one name, is left out.
        if let Ok(mut copy) = message.create_stream(&target) {
            copy.write_all(&bytes).map_err(broken)?;
        }
    }
    message.flush().map_err(broken)?;
    Ok(Some(message.into_inner().into_inner()))
}
