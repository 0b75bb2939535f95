//! Where in a file a piece of text is, and which pieces are missing from it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where in its file a chunk is. A page of an attachment has both; a file without parts has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Place {
    /// Path of the attachment or archive member, outermost first, joined by `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<String>,
    /// The page that it begins on, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The page that it ends on, when that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_end: Option<u32>,
    /// Slide, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slide: Option<u32>,
    /// Name of the sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.attachment.clone(),
            match (self.page, self.page_end) {
                (Some(first), Some(last)) => Some(format!("pages {first}-{last}")),
                (page, _) => page.map(|page| format!("page {page}")),
            },
            self.slide.map(|slide| format!("slide {slide}")),
            self.sheet.as_ref().map(|sheet| format!("sheet {sheet}")),
        ];
        f.pad(&words.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// Parts of a file that are not in the index although the file is: pages that nothing could read, attachments with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Missing {
    /// Which, for people: `pages 3-7, 9`.
    pub parts: String,
    /// How many.
    pub count: u32,
    /// Stable name of the reason.
    pub code: String,
    /// The reason, and what to do.
    pub reason: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.parts, self.reason, self.code)
    }
}
