//! Which format content that is not text is of, and what to say of one that nothing can read.

use file_format::{FileFormat, Kind};

use super::compound::{self, Content};
use super::{FileType, Format, Input, Named};
use crate::ConvertError;

/// The format of content that is not text; `why` says how that was told.
pub(super) fn format(
    input: &Input<'_>,
    named: Option<Named>,
    why: &'static str,
) -> Result<Format, ConvertError> {
    let by_name = match named {
        Some(Named::Known(format)) => Some(format),
        Some(Named::Refused(..)) | None => None,
    };
    let signature = signature(input.bytes);
    Ok(match signature {
        FileFormat::PortableDocumentFormat => Format::Pdf,
        FileFormat::OfficeOpenXmlDocument => Format::Docx,
        FileFormat::OfficeOpenXmlPresentation => Format::Pptx,
        FileFormat::OfficeOpenXmlSpreadsheet => Format::Xlsx,
        FileFormat::OpendocumentText | FileFormat::OpendocumentTextTemplate => Format::Odt,
        FileFormat::OpendocumentPresentation | FileFormat::OpendocumentPresentationTemplate => Format::Odp,
        FileFormat::OpendocumentSpreadsheet | FileFormat::OpendocumentSpreadsheetTemplate => Format::Ods,
        FileFormat::ElectronicPublication => Format::Epub,
        FileFormat::Zip => match by_name {
            Some(
                format @ (Format::Docx
                | Format::Pptx
                | Format::Xlsx
                | Format::Odt
                | Format::Odp
                | Format::Ods
                | Format::Epub),
            ) => format,
            _ => Format::Zip,
        },
        stated if input.bytes.starts_with(compound::SIGNATURE) => compound(input.bytes, stated, by_name)?,
        FileFormat::ArbitraryBinaryData => {
            return Err(match named {
                Some(_) => ConvertError::unsupported(
                    "binary_content",
                    format!(
                        "the content is not what the name promises, nor text ({why}); save it anew in a format of today"
                    ),
                ),
                None => unsupported("binary file of unknown type", AS_TEXT),
            });
        }
        _ => match signature.kind() {
            Kind::Image if !is_drawing(signature) => Format::Image(signature),
            Kind::Audio => Format::Audio(signature),
            Kind::Video => Format::Video(signature),
            // Containers of audio and video, whichever of them is inside.
            _ if matches!(
                signature,
                FileFormat::AdvancedSystemsFormat
                    | FileFormat::ExtensibleBinaryMetaLanguage
                    | FileFormat::Id3v2
                    | FileFormat::Mpeg4Part14
                    | FileFormat::OggMultiplexedMedia
                    | FileFormat::Realmedia
            ) =>
            {
                Format::Video(signature)
            }
            _ => return Err(unsupported_signature(signature)),
        },
    })
}

/// The format of what is in the container of office documents up to 2003, messages, and encrypted documents; `stated` is
/// what the class of its root says.
fn compound(bytes: &[u8], stated: FileFormat, by_name: Option<Format>) -> Result<Format, ConvertError> {
    let by_name = match by_name {
        Some(format @ (Format::Doc | Format::Xls | Format::Ppt | Format::Msg)) => Some(format),
        Some(Format::Docx) => Some(Format::Doc),
        Some(Format::Xlsx) => Some(Format::Xls),
        Some(Format::Pptx) => Some(Format::Ppt),
        _ => None,
    };
    match (compound::content(bytes), stated) {
        (Content::Encrypted, _) => Err(ConvertError::password_protected("office document")),
        (Content::Message, _) => Ok(Format::Msg),
        (Content::Word, _) | (_, FileFormat::MicrosoftWordDocument) => Ok(Format::Doc),
        (Content::Excel, _) | (_, FileFormat::MicrosoftExcelSpreadsheet) => Ok(Format::Xls),
        (Content::PowerPoint, _) | (_, FileFormat::MicrosoftPowerpointPresentation) => Ok(Format::Ppt),
        (Content::Unknown, FileFormat::CompoundFileBinary) => by_name
            .ok_or_else(|| unsupported("container file of Microsoft (CFB) of unknown content", AS_TEXT)),
        (Content::Unknown, other) => Err(unsupported_signature(other)),
    }
}

/// Images made of lines, which nothing here draws.
fn is_drawing(signature: FileFormat) -> bool {
    matches!(
        signature,
        FileFormat::ScalableVectorGraphics | FileFormat::WindowsMetafile | FileFormat::AdobePhotoshopDocument
    )
}

/// The format that the first bytes tell. A damaged container is still one.
fn signature(bytes: &[u8]) -> FileFormat {
    match FileFormat::from_bytes(bytes) {
        FileFormat::ArbitraryBinaryData if bytes.starts_with(b"PK\x03\x04") => FileFormat::Zip,
        FileFormat::ArbitraryBinaryData if bytes.starts_with(compound::SIGNATURE) => {
            FileFormat::CompoundFileBinary
        }
        signature => signature,
    }
}

/// Refuses types that are left alone unless they are in `open`.
pub(crate) fn refuse_blocked(format: Format, open: &[FileType]) -> Result<(), ConvertError> {
    let file_type = format.file_type();
    if !file_type.is_blocked_by_default() || open.contains(&file_type) {
        return Ok(());
    }
    Err(match format {
        Format::Doc => legacy("Word", "DOCX", file_type),
        Format::Xls => legacy("Excel", "XLSX", file_type),
        Format::Ppt => legacy("PowerPoint", "PPTX", file_type),
        Format::Audio(found) => recording("audio", found, file_type),
        Format::Video(found) => recording("video", found, file_type),
        _ => ConvertError::blocked("blocked_type", format!("{file_type} files are not indexed")),
    })
}

fn legacy(application: &str, modern: &str, file_type: FileType) -> ConvertError {
    ConvertError::blocked(
        "legacy_office",
        format!(
            "{application} files in the format of 1997 to 2003 are not indexed; save the file as {modern}, or allow \
             {file_type} with --open-types"
        ),
    )
}

fn recording(what: &str, found: FileFormat, file_type: FileType) -> ConvertError {
    let mime = found.media_type();
    ConvertError::blocked(
        "audio_video",
        format!(
            "{what} ({mime}) is not indexed; provide a transcript as text, or allow {file_type} with --open-types where a \
             conversion service can write it down"
        ),
    )
}

/// What to say of a format that only something outside of this program can read.
pub(crate) fn no_converter(format: Format) -> ConvertError {
    match format {
        Format::Image(found) => ConvertError::unsupported(
            "needs_ocr",
            format!(
                "the text in an image ({}) is read by OCR: install tesseract, or set a conversion service or a vision model",
                found.media_type()
            ),
        ),
        _ => ConvertError::unsupported(
            "needs_service",
            format!(
                "{} is read by a conversion service only: set one",
                format.file_type()
            ),
        ),
    }
}

/// What to do with a file that nothing reads.
const AS_TEXT: &str = "provide its text as PDF, HTML or plain text";

/// The refusal of a type that is told by its first bytes.
pub(super) fn unsupported_signature(signature: FileFormat) -> ConvertError {
    let instead = match signature.kind() {
        Kind::Archive | Kind::Compressed | Kind::Disk | Kind::Package => {
            "pack the files in it as ZIP, or index them by themselves"
        }
        Kind::Image | Kind::Diagram | Kind::Model => "save it as PNG or PDF",
        Kind::Document
            if matches!(
                signature,
                FileFormat::Postscript | FileFormat::EncapsulatedPostscript
            ) =>
        {
            "convert it to PDF"
        }
        _ => AS_TEXT,
    };
    unsupported(
        signature.short_name().unwrap_or_else(|| signature.name()),
        instead,
    )
}

/// The refusal of a type that nothing here reads, and what to do `instead`.
pub(super) fn unsupported(what: &str, instead: &str) -> ConvertError {
    ConvertError::unsupported(
        "unsupported_type",
        format!("{what} is not indexed by this build; {instead}"),
    )
}
