//! Equations of Word, which `undoc` leaves out, written on one line before it reads the document: `A = πr^2`.

use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// The document with its equations as ordinary text; `None` when there are none, or when it is broken.
pub(super) fn spelled_out(xml: &str) -> Option<String> {
    if !xml.contains("<m:oMath") {
        return None;
    }
    let mut reader = Reader::from_str(xml);
    let mut out = String::with_capacity(xml.len());
    let mut equation = Equation::default();
    let mut depth = 0usize;
    let mut start = 0;
    loop {
        let event = reader.read_event().ok()?;
        let end = usize::try_from(reader.buffer_position()).ok()?;
        match &event {
            Event::Eof if depth == 0 => break,
            Event::Eof => return None,
            // Only a frame, but `undoc` skips what is in it.
            Event::Start(element) if element.name().as_ref() == "m:oMathPara" => {}
            Event::End(element) if element.name().as_ref() == "m:oMathPara" => {}
            Event::Start(element) if element.name().as_ref() == "m:oMath" => depth += 1,
            Event::End(element) if element.name().as_ref() == "m:oMath" && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    let text = std::mem::take(&mut equation).out;
                    out.push_str("<w:r><w:t xml:space=\"preserve\">");
                    out.push_str(&quick_xml::escape::escape(text.trim()));
                    out.push_str("</w:t></w:r>");
                }
            }
            event if depth > 0 => equation.event(event),
            _ => out.push_str(xml.get(start..end)?),
        }
        start = end;
    }
    Some(out)
}

#[derive(Default)]
struct Equation {
    out: String,
    /// Where the pieces start that are being written.
    starts: Vec<usize>,
    in_text: bool,
}

impl Equation {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(element) => match element.local_name().as_ref() {
                "t" => self.in_text = true,
                "num" | "den" | "sup" | "sub" | "rad" | "d" => self.starts.push(self.out.len()),
                _ => {}
            },
            Event::Empty(element) if element.local_name().as_ref() == "chr" => {
                let value = element
                    .attributes()
                    .flatten()
                    .find(|found| found.key.local_name().as_ref() == "val");
                if let Some(value) = value {
                    self.out.push_str(&value.value);
                }
            }
            Event::Text(text) if self.in_text => self.out.push_str(text),
            Event::GeneralRef(reference) if self.in_text => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    self.out.push(character);
                } else if let Some(text) = quick_xml::escape::resolve_predefined_entity(reference) {
                    self.out.push_str(text);
                }
            }
            Event::End(element) => match element.local_name().as_ref() {
                "t" => self.in_text = false,
                "num" => self.wrap("", false),
                "den" => self.wrap("/", false),
                "sup" => self.wrap("^", false),
                "sub" => self.wrap("_", false),
                "rad" => self.wrap("√", true),
                "d" => self.wrap("", true),
                "mr" => self.out.push_str("; "),
                "e" => self.out.push(' '),
                _ => {}
            },
            _ => {}
        }
    }

    /// Puts a sign before the last piece, and parentheses around it unless it is one character.
    fn wrap(&mut self, sign: &str, always: bool) {
        let Some(start) = self.starts.pop() else {
            return;
        };
        let piece = self.out.split_off(start);
        let piece = piece.trim();
        if piece.is_empty() {
            return;
        }
        // The base before it ends in a space.
        if !sign.is_empty() && sign != "√" {
            self.out.truncate(self.out.trim_end().len());
        }
        let is_single = !always && piece.chars().nth(1).is_none();
        let (open, close) = if is_single { ("", "") } else { ("(", ")") };
        self.out.push_str(&format!("{sign}{open}{piece}{close}"));
        if matches!(sign, "^" | "_") {
            // What follows is on the line again.
            self.out.push(' ');
        }
    }
}
