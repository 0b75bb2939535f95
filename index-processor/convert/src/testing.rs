//! Files for tests, written by the tests.

use std::fmt::Write as _;
use std::io::{Cursor, Write};

use base64::Engine;
use cfb::{CompoundFile, Version};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{ConvertError, Document, Input, Options, convert};

/// Converts with what is allowed by default.
pub(crate) fn run(name: &str, bytes: impl AsRef<[u8]>) -> Result<Document, ConvertError> {
    run_with(name, bytes, &Options::default())
}

pub(crate) fn run_with(
    name: &str,
    bytes: impl AsRef<[u8]>,
    options: &Options,
) -> Result<Document, ConvertError> {
    let input = Input {
        name,
        bytes: bytes.as_ref(),
        content_type: None,
    };
    convert(&input, options)
}

/// An archive with these members.
pub(crate) fn zip<N: AsRef<str>, B: AsRef<[u8]>>(members: &[(N, B)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        // The type of a book or document must be readable without unpacking.
        let method = if name.as_ref() == "mimetype" {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(name.as_ref(), options).unwrap();
        writer.write_all(bytes.as_ref()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An archive whose members claim to be encrypted.
pub(crate) fn encrypted_zip<N: AsRef<str>, B: AsRef<[u8]>>(members: &[(N, B)]) -> Vec<u8> {
    let mut bytes = zip(members);
    // Bit 0 of the flags, in the header of each file and in the directory.
    for (signature, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let starts: Vec<usize> = (0..bytes.len() - 4)
            .filter(|at| bytes[*at..].starts_with(signature))
            .collect();
        for start in starts {
            bytes[start + flags] |= 1;
        }
    }
    bytes
}

/// A book with these pages, in this order.
pub(crate) fn epub(title: &str, pages: &[(&str, &str)]) -> Vec<u8> {
    zip(&epub_files(title, pages))
}

/// The files of a book.
pub(crate) fn epub_files(title: &str, pages: &[(&str, &str)]) -> Vec<(String, String)> {
    let (mut manifest, mut spine) = (String::new(), String::new());
    for (name, _) in pages {
        let properties = if *name == "nav.xhtml" {
            " properties=\"nav\""
        } else {
            ""
        };
        write!(
            manifest,
            "<item id='{name}' href='{name}' media-type='application/xhtml+xml'{properties}/>"
        )
        .unwrap();
        write!(spine, "<itemref idref='{name}'/>").unwrap();
    }
    let package = format!(
        "<?xml version='1.0'?><package xmlns='http://www.idpf.org/2007/opf' version='3.0' unique-identifier='id'>\
         <metadata xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:identifier id='id'>x</dc:identifier>\
         <dc:title>{title}</dc:title><dc:creator>Ann Author</dc:creator><dc:language>en</dc:language></metadata>\
         <manifest>{manifest}</manifest><spine>{spine}</spine></package>"
    );
    let container = "<?xml version='1.0'?><container version='1.0' xmlns='urn:oasis:names:tc:opendocument:xmlns:container'>\
                     <rootfiles><rootfile full-path='OEBPS/book.opf' media-type='application/oebps-package+xml'/></rootfiles>\
                     </container>";
    let mut files = vec![
        ("mimetype".to_owned(), "application/epub+zip".to_owned()),
        ("META-INF/container.xml".to_owned(), container.to_owned()),
        ("OEBPS/book.opf".to_owned(), package),
    ];
    for (name, body) in pages {
        files.push((
            format!("OEBPS/{name}"),
            format!("<html xmlns='http://www.w3.org/1999/xhtml'><head><title>t</title></head><body>{body}</body></html>"),
        ));
    }
    files
}

/// A message with these attachments: name, type, content.
pub(crate) fn eml(text: &str, attachments: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut out = String::from(
        "From: Ann Smith <ann@example.com>\r\nTo: Bob <bob@example.com>\r\nSubject: The report\r\n\
         Date: Tue, 5 Mar 2024 14:30:00 +0100\r\nMIME-Version: 1.0\r\nX-Mailer: hidden\r\n\
         Content-Type: multipart/mixed; boundary=\"limit\"\r\n\r\n",
    );
    write!(
        out,
        "--limit\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    )
    .unwrap();
    for (name, mime, bytes) in attachments {
        let content = base64::engine::general_purpose::STANDARD.encode(bytes);
        write!(
            out,
            "--limit\r\nContent-Type: {mime}\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{content}\r\n"
        )
        .unwrap();
    }
    out.push_str("--limit--\r\n");
    out.into_bytes()
}

/// A container of Microsoft with these streams.
pub(crate) fn compound<P: AsRef<str>, B: AsRef<[u8]>>(streams: &[(P, B)]) -> Vec<u8> {
    compound_of(Version::V3, streams)
}

pub(crate) fn compound_of<P: AsRef<str>, B: AsRef<[u8]>>(version: Version, streams: &[(P, B)]) -> Vec<u8> {
    let mut file = CompoundFile::create_with_version(version, Cursor::new(Vec::new())).unwrap();
    for (path, bytes) in streams {
        if let Some((folder, _)) = path.as_ref().rsplit_once('/') {
            file.create_storage_all(format!("/{folder}")).unwrap();
        }
        let mut stream = file.create_stream(format!("/{}", path.as_ref())).unwrap();
        stream.write_all(bytes.as_ref()).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

/// The streams of a message of Outlook inside `folder`, which ends in `/` or is empty.
pub(crate) fn msg_streams(folder: &str, subject: &str, body: &str) -> Vec<(String, Vec<u8>)> {
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let header = if folder.is_empty() { 32 } else { 24 };
    let mut properties = vec![0; header];
    // The time it was submitted: 2024-03-05 13:30 UTC.
    properties.extend([0x40, 0, 0x39, 0, 6, 0, 0, 0]);
    properties.extend(133_541_190_000_000_000u64.to_le_bytes());
    [
        ("__properties_version1.0", properties),
        ("__substg1.0_0037001F", utf16(subject)),
        ("__substg1.0_1000001F", utf16(body)),
        ("__substg1.0_0C1A001F", utf16("Ann Smith")),
        ("__substg1.0_5D01001F", utf16("ann@example.com")),
        ("__recip_version1.0_#00000000/__substg1.0_3001001F", utf16("Bob")),
        (
            "__recip_version1.0_#00000000/__substg1.0_39FE001F",
            utf16("bob@example.com"),
        ),
    ]
    .map(|(name, bytes)| (format!("{folder}{name}"), bytes))
    .into()
}

/// The streams of an attachment of a message of Outlook.
pub(crate) fn msg_attachment(number: u32, name: &str, content: &[u8]) -> Vec<(String, Vec<u8>)> {
    let folder = format!("__attach_version1.0_#{number:08X}/");
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let mut properties = vec![0; 8];
    properties.extend([3, 0, 5, 0x37, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    vec![
        (format!("{folder}__properties_version1.0"), properties),
        (format!("{folder}__substg1.0_3707001F"), utf16(name)),
        (format!("{folder}__substg1.0_37010102"), content.to_vec()),
    ]
}

/// The streams of an attachment that is a message.
pub(crate) fn msg_in_msg(number: u32, name: &str, subject: &str, body: &str) -> Vec<(String, Vec<u8>)> {
    let folder = format!("__attach_version1.0_#{number:08X}/");
    let mut streams = msg_attachment(number, name, b"");
    streams.pop();
    // The method of attaching: 5, a message.
    streams[0].1[16] = 5;
    streams.extend(msg_streams(
        &format!("{folder}__substg1.0_3701000D/"),
        subject,
        body,
    ));
    streams
}

/// Damaged copies: cut short, and with flipped bits.
pub(crate) fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let cuts = (0..24).map(|step| bytes[..bytes.len() * step / 24].to_vec());
    // A fixed walk over the file, so that a failure comes again.
    let flips = (0..200usize).map(|step| {
        let mut copy = bytes.to_vec();
        for hit in 0..=step % 3 {
            let at = (step.wrapping_mul(7919) + hit * 104_729) % copy.len();
            copy[at] ^= 1 << ((step + hit) % 8);
        }
        copy
    });
    cuts.chain(flips)
}
