//! Which pages have not really been read: what is on a page against the text that came out of it.

use super::pages::Facts;
use crate::{Unread, quality};

/// Images on more of a page than this are a scan rather than an illustration.
const SCAN_COVERAGE: f32 = 0.5;

/// Most characters of text on a scan that are a stamp or a page number rather than the page's text.
const STAMP: usize = 100;

/// Images on less of a page than this are a logo or an ornament.
const ORNAMENT_COVERAGE: f32 = 0.02;

/// Fewest filled shapes that may be letters drawn as outlines, on a page without text.
const OUTLINES: u32 = 40;

/// Why a page with `text` on it is not read; `None` when it is.
pub(super) fn judge(facts: &Facts, text: &str) -> Option<Unread> {
    if let Some(error) = &facts.error {
        return Some(unread(
            "page_unreadable",
            format!("the page cannot be read ({error})"),
        ));
    }
    if facts.broken_streams > 0 {
        return Some(unread(
            "page_unreadable",
            "content of the page is damaged and was left out".to_owned(),
        ));
    }
    if let Err(unread) = quality::judge(text) {
        return Some(unread);
    }
    let characters = text
        .chars()
        .filter(|character| character.is_alphanumeric())
        .count();
    if is_in_unreadable_fonts(facts, characters) {
        return Some(unread(
            "text_unreadable",
            "the fonts of the page do not say which characters they show: OCR can read it".to_owned(),
        ));
    }
    is_image(facts, characters).then(|| {
        unread(
            "needs_ocr",
            "the page is an image: its text is read by OCR".to_owned(),
        )
    })
}

/// May text of a page that is not read be kept, until something reads the page better? It is not when it is rubbish.
pub(super) fn may_keep_text(unread: &Unread) -> bool {
    unread.code == "needs_ocr" || unread.code == "page_unreadable"
}

fn is_in_unreadable_fonts(facts: &Facts, characters: usize) -> bool {
    let unreadable = facts.unreadable_runs;
    unreadable > 0 && (characters == 0 || unreadable * 2 > facts.text_runs as usize)
}

fn is_image(facts: &Facts, characters: usize) -> bool {
    if facts.bad_ocr_layer {
        return true;
    }
    if characters == 0 {
        let is_picture = facts.images > 0 && facts.image_coverage > ORNAMENT_COVERAGE;
        return is_picture || facts.fills >= OUTLINES;
    }
    facts.image_coverage >= SCAN_COVERAGE && characters < STAMP
}

fn unread(code: &str, reason: String) -> Unread {
    Unread {
        code: code.to_owned(),
        reason,
    }
}
