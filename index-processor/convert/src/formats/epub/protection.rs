//! Books whose pages are encrypted.

use std::io::Cursor;

use roxmltree::Document;
use zip::ZipArchive;

use crate::ConvertError;
use crate::context::Context;

/// Where a book says what in it is encrypted (OCF 3.5.2.2).
const ENCRYPTION: &str = "META-INF/encryption.xml";

/// Ways to make a font unusable outside of its book: no protection of the text.
const FONT_ALGORITHMS: [&str; 2] = [
    "http://www.idpf.org/2008/embedding",
    "http://ns.adobe.com/pdf/enc#RC",
];

/// What the names of pages end with.
const PAGES: [&str; 5] = [".xhtml", ".html", ".htm", ".xml", ".opf"];

pub(super) fn refuse_protected(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    context: &Context<'_>,
) -> Result<(), ConvertError> {
    let Ok(file) = zip.by_name(ENCRYPTION) else {
        return Ok(());
    };
    let bytes = context.unpack(file, "book")?;
    let is_protected = match std::str::from_utf8(&bytes).map(Document::parse) {
        Ok(Ok(document)) => encrypts_pages(&document),
        // Whoever protects a book writes this file with care.
        Ok(Err(_)) | Err(_) => false,
    };
    if is_protected {
        return Err(ConvertError::failed(
            "drm_protected",
            "this book is protected against copying (DRM); provide it without",
        ));
    }
    Ok(())
}

fn encrypts_pages(document: &Document<'_>) -> bool {
    // The method of each file is named before the file.
    let mut algorithm = "";
    for node in document.descendants() {
        match node.tag_name().name() {
            "EncryptedData" => algorithm = "",
            "EncryptionMethod" => algorithm = node.attribute("Algorithm").unwrap_or_default(),
            "CipherReference" => {
                let file = node.attribute("URI").unwrap_or_default().to_ascii_lowercase();
                let is_page = PAGES.iter().any(|end| file.ends_with(end));
                if is_page && !FONT_ALGORITHMS.contains(&algorithm) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}
