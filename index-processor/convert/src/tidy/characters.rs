//! Which characters stay, which become others, and which go.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Ends a line: also a form feed, a vertical tab, and the separators of Unicode.
pub(super) fn is_line_end(character: char) -> bool {
    matches!(
        character,
        '\n' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// A line without what no reader sees. `scratch` lends the space for lines that change.
pub(super) fn clean<'a>(line: &'a str, is_start: bool, scratch: &'a mut String) -> &'a str {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return line;
    }
    scratch.clear();
    // Spaces that are not for breaking are no indentation, which Markdown would take for code.
    let mut is_indentation = is_start;
    for character in line.chars() {
        match character {
            '\t' => scratch.push('\t'),
            // Before a line feed it is trailing white space; by itself it parts words.
            '\r' => scratch.push(' '),
            // The spaces of typography, of fixed width or without a break.
            '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' => {
                if !is_indentation {
                    scratch.push(' ');
                }
            }
            // Ligatures as fonts have them; a search types the letters.
            '\u{FB00}' => scratch.push_str("ff"),
            '\u{FB01}' => scratch.push_str("fi"),
            '\u{FB02}' => scratch.push_str("fl"),
            '\u{FB03}' => scratch.push_str("ffi"),
            '\u{FB04}' => scratch.push_str("ffl"),
            '\u{FB05}' | '\u{FB06}' => scratch.push_str("st"),
            // The hyphen without a break.
            '\u{2011}' => scratch.push('-'),
            // Bullets of the fonts Symbol and Wingdings.
            '\u{F0B7}' | '\u{F0A7}' | '\u{F0D8}' => scratch.push('•'),
            other if is_invisible(other) => {}
            other => scratch.push(other),
        }
        is_indentation &= character.is_whitespace() || is_invisible(character);
    }
    if is_nfc_quick(scratch.chars()) != IsNormalized::Yes {
        *scratch = scratch.nfc().collect();
    }
    scratch
}

/// Control characters, hints for line breaking, marks of the writing direction, and what stands for objects. The joiners
/// U+200C and U+200D stay: Persian, the scripts of India and emoji spell with them.
fn is_invisible(character: char) -> bool {
    match character {
        '\t' => false,
        '\u{AD}' | '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' => true,
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}' => true,
        '\u{FFF9}'..='\u{FFFC}' => true,
        other => other.is_control() || (other as u32) & 0xFFFE == 0xFFFE,
    }
}
