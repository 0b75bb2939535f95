//! Numbers as a spreadsheet shows them: its format codes, read once per style and applied to each cell.
//!
//! Codes are those of ECMA-376, part 1, 18.8.31. What depends on the reader's language is written in one way: the short dates
//! that follow the system as ISO 8601, names of months and days in English.

mod date;
mod parse;

use parse::{Section, Token};

/// A format code.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NumberFormat {
    /// For positive numbers, negative ones, zero; fewer serve for more.
    sections: Vec<Section>,
}

impl NumberFormat {
    pub(super) fn general() -> Self {
        Self { sections: Vec::new() }
    }

    /// The format with this number, if it has one, and this code.
    pub(super) fn of(id: Option<u32>, code: &str) -> Self {
        let code = match id {
            Some(14 | 27..=31 | 36 | 50..=54 | 57 | 58) => "yyyy-mm-dd",
            Some(22) => "yyyy-mm-dd hh:mm",
            Some(32..=35 | 55 | 56) => "hh:mm:ss",
            _ => code,
        };
        if code.is_empty() || code.eq_ignore_ascii_case("general") {
            return Self::general();
        }
        Self {
            sections: parse::sections(code),
        }
    }

    /// Appends a number as a reader of the sheet sees it. `is_1904`: whether its days count from 1904.
    pub(super) fn push(&self, out: &mut String, number: f64, is_1904: bool) {
        let Some((section, is_signed)) = self.section(number) else {
            return push_general(out, number);
        };
        let value = if is_signed { number } else { number.abs() };
        if section.is_date() {
            // Numbers that are no date are shown as they are.
            if date::push(out, section, value, is_1904).is_none() {
                push_general(out, number);
            }
        } else {
            push_number(out, section, value);
        }
    }

    /// The section for a number, and whether the sign is left to us.
    fn section(&self, number: f64) -> Option<(&Section, bool)> {
        let first = self.sections.first()?;
        if self.sections.iter().any(|section| section.condition.is_some()) {
            let holds =
                |section: &&Section| section.condition.is_none_or(|condition| condition.holds(number));
            let section = self.sections.iter().find(holds).unwrap_or(first);
            return Some((section, true));
        }
        Some(match self.sections.as_slice() {
            [_, negative, ..] if number < 0.0 => (negative, false),
            [_, _, zero, ..] if number == 0.0 => (zero, true),
            _ => (first, true),
        })
    }
}

/// A number without a format: 11 digits are what a cell shows, and all of a whole number, which may be a key.
fn push_general(out: &mut String, number: f64) {
    let magnitude = number.abs();
    if number == 0.0 {
        out.push('0');
    } else if number.fract() == 0.0 && magnitude < 1e15 {
        out.push_str(&format!("{number:.0}"));
    } else if (1e-9..1e15).contains(&magnitude) {
        let decimals = (10 - magnitude.log10().floor() as i32).clamp(0, 20) as usize;
        let text = format!("{number:.decimals$}");
        let text = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        out.push_str(text);
    } else if number.is_finite() {
        let text = format!("{number:.5e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = if digits.contains('.') {
            digits.trim_end_matches('0').trim_end_matches('.')
        } else {
            digits
        };
        let sign = if exponent.starts_with('-') { "" } else { "+" };
        out.push_str(&format!("{digits}E{sign}{exponent}"));
    }
}

fn push_number(out: &mut String, section: &Section, value: f64) {
    let tokens = &section.tokens;
    let is_digit = |token: &Token| matches!(token, Token::Digit(_));
    let Some(last) = tokens.iter().rposition(is_digit) else {
        // No digits: text, or `General` with a word beside it.
        for token in tokens {
            match token {
                Token::General | Token::Text => push_general(out, value),
                Token::Literal(text) => out.push_str(text),
                _ => {}
            }
        }
        return;
    };
    if tokens.iter().any(|token| matches!(token, Token::Slash)) {
        // Fractions: the decimals say the same.
        return push_general(out, value);
    }
    let scale: i32 = tokens
        .iter()
        .map(|token| 2 * i32::from(matches!(token, Token::Percent)))
        .sum();
    let point = tokens.iter().position(|token| matches!(token, Token::Point));
    let integer_end = point.unwrap_or(tokens.len());
    let last_integer = tokens[..integer_end]
        .iter()
        .rposition(is_digit)
        .unwrap_or_default();
    let is_comma = |token: &&Token| matches!(token, Token::Comma);
    let thousands = tokens[..integer_end]
        .iter()
        .skip(last_integer + 1)
        .take_while(is_comma)
        .count()
        + if point.is_some() {
            tokens[last + 1..].iter().take_while(is_comma).count()
        } else {
            0
        };
    let first_integer = tokens[..integer_end]
        .iter()
        .position(is_digit)
        .unwrap_or_default();
    let is_grouped = tokens[first_integer..=last_integer.max(first_integer)]
        .iter()
        .any(|token| matches!(token, Token::Comma));
    let mut value = value * 10f64.powi(scale - 3 * i32::try_from(thousands).unwrap_or_default());

    let decimals: Vec<char> = point.map_or_else(Vec::new, |point| {
        let places = tokens[point..]
            .iter()
            .take_while(|token| !matches!(token, Token::Exponent(_)));
        places
            .filter_map(|token| {
                if let Token::Digit(place) = token {
                    Some(*place)
                } else {
                    None
                }
            })
            .take(30)
            .collect()
    });
    let mut exponent = None;
    if let Some(at) = tokens
        .iter()
        .position(|token| matches!(token, Token::Exponent(_)))
    {
        let power = if value == 0.0 {
            0
        } else {
            value.abs().log10().floor() as i32
        };
        value /= 10f64.powi(power);
        let width = tokens[at..].iter().filter(|token| is_digit(token)).count();
        let sign = if power < 0 {
            "-"
        } else if matches!(tokens[at], Token::Exponent(true)) {
            "+"
        } else {
            ""
        };
        exponent = Some(format!("E{sign}{:0width$}", power.abs()));
    }

    // A tie is rounded away from zero, as it is on the screen, although the number in binary may be just below it.
    let rounded = format!(
        "{:.*}",
        decimals.len(),
        value.abs() * if value.fract() == 0.0 { 1.0 } else { 1.0 + 4e-16 }
    );
    let (integer, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let least = decimals
        .iter()
        .rposition(|place| *place == '0')
        .map_or(0, |at| at + 1);
    let mut fraction = fraction.to_owned();
    while fraction.len() > least && fraction.ends_with('0') {
        fraction.pop();
    }
    if value < 0.0 && rounded.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        out.push('-');
    }
    let digits_from = tokens
        .iter()
        .position(|token| matches!(token, Token::Digit(_) | Token::Point))
        .unwrap_or_default();
    push_literals(out, &tokens[..digits_from]);
    push_integer(
        out,
        &tokens[digits_from.min(integer_end)..integer_end],
        integer,
        is_grouped,
    );
    if point.is_some() && !(fraction.is_empty() && least == 0) {
        out.push('.');
        out.push_str(&fraction);
    }
    if let Some(exponent) = exponent {
        out.push_str(&exponent);
    }
    if point.is_some() || section_has_exponent(tokens) {
        push_literals(out, &tokens[last + 1..]);
    }
}

fn section_has_exponent(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| matches!(token, Token::Exponent(_)))
}

fn push_literals(out: &mut String, tokens: &[Token]) {
    for token in tokens {
        match token {
            Token::Literal(text) => out.push_str(text),
            Token::Percent => out.push('%'),
            _ => {}
        }
    }
}

/// The digits before the point, from the right: literals may stand between them, as in a telephone number.
fn push_integer(out: &mut String, tokens: &[Token], digits: &str, is_grouped: bool) {
    let mut digits = digits.trim_start_matches('0').bytes().rev();
    let mut reversed: Vec<char> = Vec::new();
    let first = tokens.iter().position(|token| matches!(token, Token::Digit(_)));
    let end = tokens
        .iter()
        .position(|token| matches!(token, Token::Exponent(_)))
        .unwrap_or(tokens.len());
    let mut written = 0;
    let mut push_digit = |reversed: &mut Vec<char>, digit: char| {
        if is_grouped && written > 0 && written % 3 == 0 {
            reversed.push(',');
        }
        written += 1;
        reversed.push(digit);
    };
    for (at, token) in tokens[..end].iter().enumerate().rev() {
        match token {
            Token::Digit(place) => {
                match digits.next() {
                    Some(digit) => push_digit(&mut reversed, char::from(digit)),
                    None if *place == '0' => push_digit(&mut reversed, '0'),
                    None => {}
                }
                if first == Some(at) {
                    for digit in digits.by_ref() {
                        push_digit(&mut reversed, char::from(digit));
                    }
                }
            }
            Token::Literal(text) => reversed.extend(text.chars().rev()),
            Token::Percent => reversed.push('%'),
            _ => {}
        }
    }
    out.extend(reversed.into_iter().rev());
}

#[cfg(test)]
mod tests;
