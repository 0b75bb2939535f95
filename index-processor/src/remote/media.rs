//! What a file is called when it is sent.

use convert::FileType;

use super::RemoteRequest;

/// The ending and the media type by which services tell types apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) ending: &'static str,
    pub(super) mime: &'static str,
}

/// Images by their first bytes: a name or a stated type may be wrong, and services trust the ending.
const IMAGES: [(&[u8], usize, Media); 8] = [
    (b"\x89PNG\r\n\x1a\n", 0, media("png", "image/png")),
    (b"\xff\xd8\xff", 0, media("jpg", "image/jpeg")),
    (b"GIF8", 0, media("gif", "image/gif")),
    (b"WEBP", 8, media("webp", "image/webp")),
    (b"BM", 0, media("bmp", "image/bmp")),
    (b"II*\0", 0, media("tiff", "image/tiff")),
    (b"MM\0*", 0, media("tiff", "image/tiff")),
    (b"ftyphei", 4, media("heic", "image/heif")),
];

const fn media(ending: &'static str, mime: &'static str) -> Media {
    Media { ending, mime }
}

impl Media {
    pub(super) fn of(request: &RemoteRequest<'_>) -> Self {
        match request.file_type {
            FileType::Pdf => media("pdf", "application/pdf"),
            FileType::Docx => media(
                "docx",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ),
            FileType::Pptx => media(
                "pptx",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ),
            FileType::Xlsx => media(
                "xlsx",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ),
            FileType::Doc => media("doc", "application/msword"),
            FileType::Ppt => media("ppt", "application/vnd.ms-powerpoint"),
            FileType::Xls => media("xls", "application/vnd.ms-excel"),
            FileType::Odt => media("odt", "application/vnd.oasis.opendocument.text"),
            FileType::Odp => media("odp", "application/vnd.oasis.opendocument.presentation"),
            FileType::Ods => media("ods", "application/vnd.oasis.opendocument.spreadsheet"),
            FileType::Rtf => media("rtf", "application/rtf"),
            FileType::Epub => media("epub", "application/epub+zip"),
            FileType::Html => media("html", "text/html"),
            FileType::Eml => media("eml", "message/rfc822"),
            FileType::Msg => media("msg", "application/vnd.ms-outlook"),
            FileType::Image => image(request),
            _ => media("bin", "application/octet-stream"),
        }
    }
}

fn image(request: &RemoteRequest<'_>) -> Media {
    let starts = |magic: &[u8], at: usize| {
        request
            .bytes
            .get(at..)
            .is_some_and(|bytes| bytes.starts_with(magic))
    };
    IMAGES
        .iter()
        .find(|(magic, at, _)| starts(magic, *at))
        .map_or(media("bin", "application/octet-stream"), |(_, _, media)| *media)
}
