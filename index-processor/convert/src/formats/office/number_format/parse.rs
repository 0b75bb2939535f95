//! The parts of a format code.

/// What a code holds for one kind of number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Section {
    pub(super) tokens: Vec<Token>,
    pub(super) condition: Option<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Literal(String),
    /// A place for a digit: `0`, `#` or `?`.
    Digit(char),
    Point,
    Comma,
    Percent,
    /// `E+` or `E-`, with or without a sign for positive powers.
    Exponent(bool),
    Slash,
    General,
    Text,
    /// A piece of a date or time and how often its letter stands there; minutes are `n`.
    Date(char, usize),
    /// Hours, minutes or seconds since the start.
    Elapsed(char, usize),
    /// Digits after the second.
    Subsecond(usize),
    /// `AM/PM`, in full or the first letters.
    Half(bool),
}

/// `[>=100]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Condition {
    less: bool,
    equal: bool,
    greater: bool,
    than: f64,
}

impl Condition {
    pub(super) fn holds(self, number: f64) -> bool {
        (self.less && number < self.than)
            || (self.equal && number == self.than)
            || (self.greater && number > self.than)
    }

    fn parse(text: &str) -> Option<Self> {
        let than = text.trim_start_matches(['<', '>', '=']);
        let sign = &text[..text.len() - than.len()];
        if sign.is_empty() {
            return None;
        }
        Some(Self {
            less: sign.contains('<'),
            equal: sign.contains('='),
            greater: sign.contains('>'),
            than: than.trim().parse().ok()?,
        })
    }
}

impl Section {
    pub(super) fn is_date(&self) -> bool {
        self.tokens
            .iter()
            .any(|token| matches!(token, Token::Date(..) | Token::Elapsed(..) | Token::Half(_)))
    }
}

pub(super) fn sections(code: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut characters = code.chars().peekable();
    let mut rest = code;
    while let Some(character) = characters.next() {
        let here = rest;
        rest = characters
            .clone()
            .next()
            .map_or("", |_| &here[character.len_utf8()..]);
        let Some(section) = sections.last_mut() else {
            return sections;
        };
        let mut skip = 0;
        let token = match character {
            ';' => {
                sections.push(Section::default());
                continue;
            }
            '"' => {
                let text: String = characters.clone().take_while(|next| *next != '"').collect();
                skip = text.chars().count() + 1;
                Token::Literal(text)
            }
            '\\' => {
                skip = 1;
                Token::Literal(characters.peek().map(char::to_string).unwrap_or_default())
            }
            // A space as wide as the next character, and a filling of it.
            '_' | '*' => {
                skip = 1;
                Token::Literal(if character == '_' {
                    " ".to_owned()
                } else {
                    String::new()
                })
            }
            '[' => {
                let text: String = characters.clone().take_while(|next| *next != ']').collect();
                skip = text.chars().count() + 1;
                match bracket(&text, section) {
                    Some(token) => token,
                    None => Token::Literal(String::new()),
                }
            }
            '0' | '#' | '?' => Token::Digit(character),
            '.' => Token::Point,
            ',' => Token::Comma,
            '%' => Token::Percent,
            '/' => Token::Slash,
            '@' => Token::Text,
            'E' | 'e' if matches!(characters.peek(), Some('+' | '-')) => {
                skip = 1;
                Token::Exponent(characters.peek() == Some(&'+'))
            }
            'G' | 'g' if starts_with(here, "general") => {
                skip = 6;
                Token::General
            }
            'A' | 'a' if starts_with(here, "am/pm") => {
                skip = 4;
                Token::Half(true)
            }
            'A' | 'a' if starts_with(here, "a/p") => {
                skip = 2;
                Token::Half(false)
            }
            letter if "ymdhseYMDHSE".contains(letter) => {
                let same = |next: &char| next.eq_ignore_ascii_case(&letter);
                let more = characters.clone().take_while(same).count();
                skip = more;
                let letter = letter.to_ascii_lowercase();
                Token::Date(
                    if letter == 'e' { 'y' } else { letter },
                    if letter == 'e' { 4 } else { more + 1 },
                )
            }
            other => Token::Literal(other.to_string()),
        };
        section.tokens.push(token);
        for _ in 0..skip {
            if let Some(skipped) = characters.next() {
                rest = &rest[skipped.len_utf8()..];
            }
        }
    }
    for section in &mut sections {
        if section.is_date() {
            settle_date(&mut section.tokens);
        }
    }
    sections
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// What stands in brackets: a currency, a condition, time since the start; colours and systems of digits do not matter.
fn bracket(text: &str, section: &mut Section) -> Option<Token> {
    if let Some(currency) = text.strip_prefix('$') {
        let symbol = currency.rsplit_once('-').map_or(currency, |(symbol, _)| symbol);
        return Some(Token::Literal(symbol.to_owned()));
    }
    if let Some(condition) = Condition::parse(text) {
        section.condition = Some(condition);
        return None;
    }
    let letter = text.chars().next()?.to_ascii_lowercase();
    let is_elapsed =
        matches!(letter, 'h' | 'm' | 's') && text.chars().all(|other| other.eq_ignore_ascii_case(&letter));
    is_elapsed.then_some(Token::Elapsed(letter, text.len()))
}

/// In dates, `m` beside hours or seconds is minutes, `.00` after seconds their parts, and other signs are themselves.
fn settle_date(tokens: &mut Vec<Token>) {
    let mut before = ' ';
    for at in 0..tokens.len() {
        match tokens[at] {
            Token::Date('m', count) if count <= 2 => {
                let next = tokens[at + 1..].iter().find_map(|token| match token {
                    Token::Date(letter, _) | Token::Elapsed(letter, _) => Some(*letter),
                    _ => None,
                });
                if before == 'h' || next == Some('s') {
                    tokens[at] = Token::Date('n', count);
                }
                before = 'm';
            }
            Token::Date(letter, _) | Token::Elapsed(letter, _) => before = letter,
            _ => {}
        }
    }
    let mut settled: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut after_second = false;
    for token in tokens.drain(..) {
        let is_second = matches!(token, Token::Date('s', _) | Token::Elapsed('s', _));
        match token {
            Token::Point if after_second => settled.push(Token::Subsecond(0)),
            Token::Digit('0') if matches!(settled.last(), Some(Token::Subsecond(_))) => {
                if let Some(Token::Subsecond(digits)) = settled.last_mut() {
                    *digits = (*digits + 1).min(3);
                }
            }
            Token::Point => settled.push(Token::Literal(".".to_owned())),
            Token::Comma => settled.push(Token::Literal(",".to_owned())),
            Token::Slash => settled.push(Token::Literal("/".to_owned())),
            Token::Percent => settled.push(Token::Literal("%".to_owned())),
            Token::Text | Token::General | Token::Exponent(_) => {}
            Token::Digit(digit) => settled.push(Token::Literal(digit.to_string())),
            other => settled.push(other),
        }
        after_second = is_second;
    }
    *tokens = settled;
}
