//! What the control words do.

use super::{Destination, Reader};
use crate::formats::inline::Style;
use crate::formats::rtf::codepage;
use crate::formats::rtf::layout::Paragraph;

impl Reader {
    pub(super) fn word(&mut self, word: &str, number: Option<i32>) {
        let is_optional = std::mem::take(&mut self.is_optional);
        if self.skip > 0 {
            // A word stands in for one character, too.
            self.skip -= 1;
            return;
        }
        if word == "u" {
            return self.unicode(number.unwrap_or_default());
        }
        self.flush();
        self.surrogate = None;
        if self.state.destination == Destination::Nothing {
            // The Unicode form of a text whose other form was left out.
            if word == "ud" && is_optional {
                self.state.destination = Destination::Text;
            }
            return;
        }
        if self.destination(word, is_optional) {
            return;
        }
        let is_on = number != Some(0);
        match word {
            "uc" => self.state.stand_ins = number.and_then(|number| usize::try_from(number).ok()),
            "ansicpg" => self.encoding = number.and_then(codepage::by_number).or(self.encoding),
            "mac" => self.encoding = codepage::by_number(10000),
            "f" => self.state.font = number.unwrap_or_default(),
            "fcharset" if self.state.destination == Destination::Fonts => {
                self.font_charset(number.unwrap_or_default())
            }
            "cpg" if self.state.destination == Destination::Fonts => {
                if let Some(encoding) = number.and_then(codepage::by_number) {
                    self.fonts.insert(self.state.font, encoding);
                }
            }
            "s" if self.state.destination == Destination::Styles => {
                self.defined.0 = number.unwrap_or_default()
            }
            "outlinelevel" if self.state.destination == Destination::Styles => self.defined.1 = level(number),
            "plain" => {
                self.state.style = Style::default();
                self.state.is_hidden = false;
            }
            "b" => self.state.style.bold = is_on,
            "i" => self.state.style.italic = is_on,
            "strike" | "striked" => self.state.style.strike = is_on,
            "v" | "deleted" => self.state.is_hidden = is_on,
            "tab" | "emspace" | "enspace" | "qmspace" => self.text(" "),
            "emdash" => self.text("—"),
            "endash" => self.text("–"),
            "bullet" => self.text("•"),
            "lquote" => self.text("‘"),
            "rquote" => self.text("’"),
            "ldblquote" => self.text("“"),
            "rdblquote" => self.text("”"),
            "line" | "lbr" => self.text("\n"),
            "par" | "page" | "sect" | "column" => self.end_paragraph(),
            _ if self.is_text() => self.paragraph_word(word, number),
            _ => {}
        }
    }

    fn paragraph_word(&mut self, word: &str, number: Option<i32>) {
        match word {
            "pard" => self.paragraph = Paragraph::default(),
            "s" => self.paragraph.heading = self.headings.get(&number.unwrap_or_default()).copied(),
            "outlinelevel" => self.paragraph.heading = level(number).or(self.paragraph.heading),
            "ilvl" => self.paragraph.level = i64::from(number.unwrap_or_default()),
            "li" => self.paragraph.indent = i64::from(number.unwrap_or_default()),
            "intbl" => self.paragraph.in_table = true,
            "trowd" => self.row_is_open = true,
            "nestcell" => self.layout.end_paragraph(Paragraph {
                in_table: true,
                ..self.paragraph
            }),
            "cell" => self.layout.end_cell(),
            "row" => {
                self.layout.end_row();
                self.row_is_open = false;
            }
            _ => {}
        }
    }

    /// Starts the destination that a word names, if it names one.
    fn destination(&mut self, word: &str, is_optional: bool) -> bool {
        match word {
            "fonttbl" => self.start(Destination::Fonts),
            "stylesheet" => self.start(Destination::Styles),
            "title" => {
                if self.state.destination == Destination::Text {
                    self.start(Destination::Title);
                }
            }
            "fldinst" => self.start(Destination::Field),
            "listtext" | "pntext" => self.start(Destination::Marker),
            "footnote" => {
                self.notes.push(String::new());
                let label = format!("[^{}]", self.notes.len());
                self.layout.push_markdown(&label);
                self.enter(Destination::Note);
            }
            "shptxt" => self.enter(Destination::Box),
            "shpinst" | "ud" | "pn" => {}
            "colortbl" | "pict" | "objdata" | "objclass" | "header" | "headerl" | "headerr" | "headerf"
            | "footer" | "footerl" | "footerr" | "footerf" | "listtable" | "listoverridetable"
            | "annotation" | "atnid" | "atnauthor" | "atnref" | "atndate" | "revtbl" | "rsidtbl"
            | "generator" | "themedata" | "colorschememapping" | "datastore" | "latentstyles"
            | "xmlnstbl" | "filetbl" | "sp" | "tc" | "xe" | "upr" | "nonshppict" | "nonesttables"
            | "ftnsep" | "ftnsepc" | "ftncn" | "aftnsep" | "aftnsepc" | "aftncn" | "author" | "operator"
            | "company" | "manager" | "subject" | "keywords" | "comment" | "doccomm" | "creatim"
            | "revtim" | "printim" | "buptim" | "category" | "hlinkbase" | "mmathPr" | "bkmkstart"
            | "bkmkend" | "pntxta" | "pntxtb" | "pnseclvl" | "formfield" | "txe" | "rxe" | "private"
            | "template" | "panose" | "falt" => {
                self.start(Destination::Nothing);
            }
            _ if is_optional => self.start(Destination::Nothing),
            _ => return false,
        }
        true
    }
}

/// A level from 1; 9 is the level of the body.
fn level(number: Option<i32>) -> Option<usize> {
    usize::try_from(number?)
        .ok()
        .filter(|level| *level < 9)
        .map(|level| level + 1)
}
