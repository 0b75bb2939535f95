//! From the table of words that tesseract writes to the text of pages.

use super::super::lines;

/// How sure of the words of a paragraph tesseract is on average, in percent, when they are words. Below, it saw text in the
/// pattern of a photograph, or letters too coarse to be told.
const SURE: f32 = 50.0;

/// Words with a space this wide between them are in two cells of a table, in heights of the line.
const CELL_GAP: f32 = 1.5;

/// What was seen on one page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) page: u32,
    pub(super) text: String,
    /// Letters and digits in the text, each by how sure of it tesseract is.
    pub(super) worth: f32,
    /// Letters and digits in the text.
    pub(super) letters: usize,
    /// Letters and digits that are not in the text, as they are not sure enough.
    pub(super) unsure: usize,
}

/// One word.
struct Word<'a> {
    page: u32,
    /// Block and paragraph.
    paragraph: (u32, u32),
    line: u32,
    left: u32,
    right: u32,
    height: u32,
    /// In percent.
    sure: f32,
    text: &'a str,
}

impl<'a> Word<'a> {
    /// Reads a line of the table; those of pages, blocks, paragraphs and lines have no text.
    fn read(row: &'a str) -> Option<Self> {
        let columns: Vec<&str> = row.splitn(12, '\t').collect();
        let number = |column: usize| columns.get(column)?.parse::<u32>().ok();
        let text = columns.get(11)?.trim();
        let is_word = number(0)? == 5 && !text.is_empty();
        is_word.then_some(())?;
        let left = number(6)?;
        Some(Self {
            page: number(1)?,
            paragraph: (number(2)?, number(3)?),
            line: number(4)?,
            left,
            right: left.saturating_add(number(8)?),
            height: number(9)?,
            sure: columns.get(10)?.parse().ok()?,
            text,
        })
    }

    /// Is it a speck, or a piece of a line?
    fn is_dirt(&self) -> bool {
        self.letters() == 0 && self.sure < SURE
    }

    fn letters(&self) -> usize {
        self.text
            .chars()
            .filter(|character| character.is_alphanumeric())
            .count()
    }
}

/// The pages of the table, in their order.
pub(super) fn pages(table: &str) -> Vec<Seen> {
    let page_of = |row: &str| row.strip_prefix("1\t")?.split('\t').next()?.parse().ok();
    let numbers = table.lines().filter_map(page_of);
    let mut pages: Vec<Seen> = numbers
        .map(|page| Seen {
            page,
            ..Seen::default()
        })
        .collect();
    let words: Vec<Word<'_>> = table
        .lines()
        .filter_map(Word::read)
        .filter(|word| !word.is_dirt())
        .collect();
    for paragraph in words.chunk_by(|a, b| (a.page, a.paragraph) == (b.page, b.paragraph)) {
        if let Some(seen) = pages.iter_mut().find(|seen| seen.page == paragraph[0].page) {
            seen.add(paragraph);
        }
    }
    pages
}

impl Seen {
    fn add(&mut self, words: &[Word<'_>]) {
        let letters = words.iter().map(Word::letters).sum::<usize>();
        if letters == 0 {
            return;
        }
        let sure = words.iter().map(|word| word.sure).sum::<f32>() / words.len() as f32;
        if sure < SURE {
            self.unsure += letters;
            return;
        }
        self.letters += letters;
        self.worth += words
            .iter()
            .map(|word| word.sure * word.letters() as f32)
            .sum::<f32>();
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(&text(words));
    }
}

fn text(words: &[Word<'_>]) -> String {
    let rows: Vec<Vec<String>> = words.chunk_by(|a, b| a.line == b.line).map(cells).collect();
    table(&rows).unwrap_or_else(|| {
        let lines: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
        lines::join(lines.iter().map(String::as_str))
    })
}

/// The stretches of a line that wide gaps are between.
fn cells(line: &[Word<'_>]) -> Vec<String> {
    let height = line.iter().map(|word| word.height).max().unwrap_or_default();
    let is_gap =
        |a: &Word<'_>, b: &Word<'_>| b.left.saturating_sub(a.right) as f32 > height as f32 * CELL_GAP;
    line.chunk_by(|a, b| !is_gap(a, b))
        .map(|cell| cell.iter().map(|word| word.text).collect::<Vec<_>>().join(" "))
        .collect()
}

/// The rows as a table, when nearly all of them have the same number of cells.
fn table(rows: &[Vec<String>]) -> Option<String> {
    let width = rows.iter().map(Vec::len).max()?;
    let full = rows.iter().filter(|row| row.len() == width).count();
    if width < 2 || full < 2 || full * 4 < rows.len() * 3 {
        return None;
    }
    let mut table = String::new();
    for (at, row) in rows.iter().enumerate() {
        for column in 0..width {
            let cell = row.get(column).map_or("", String::as_str);
            table.push_str("| ");
            table.push_str(&cell.replace('|', "\\|"));
            table.push(' ');
        }
        table.push_str("|\n");
        if at == 0 {
            table.push_str(&"| --- ".repeat(width));
            table.push_str("|\n");
        }
    }
    Some(table.trim_end().to_owned())
}

#[cfg(test)]
mod tests;
