//! What `undoc` reads, as Markdown: documents of Word, and everything up to 2003.

use std::collections::HashMap;

use undoc::render::RenderOptions;
use undoc::{Block, ErrorKind, FormatType, HeadingLevel, Paragraph, Section, Table};

use super::{Made, equations};
use crate::context::Context;
use crate::formats::package::Package;
use crate::formats::sheet::Cells;
use crate::{ConvertError, Place};

/// Names that programs give to pictures by themselves: the first word, when only numbers follow.
const PICTURE_NAMES: [&str; 7] = ["picture", "image", "grafik", "graphic", "object", "bild", "img"];

pub(super) fn convert(bytes: &[u8], context: &Context<'_>, made: &mut Made) -> Result<(), ConvertError> {
    let with_equations = equations_spelled_out(bytes, context, made.what)?;
    let bytes = with_equations.as_deref().unwrap_or(bytes);
    let document = undoc::parse_bytes(bytes).map_err(|error| refused(made.what, &error))?;
    made.title = title(document.metadata.title);
    let format = document.format;
    for (number, mut section) in (1..).zip(document.sections) {
        let name = section.name.take();
        match format {
            FormatType::Ppt => {
                made.builder.part(Place::slide(number));
                rank_headings(&mut section);
            }
            FormatType::Xls => {
                let name = name.unwrap_or_else(|| format!("Sheet{number}"));
                made.builder.part(Place::sheet(&name));
                made.builder.block(&format!("## {name}"));
                let limit = usize::try_from(context.options.max_output_bytes).unwrap_or(usize::MAX);
                for table in tables(&mut section) {
                    made.builder.block(&cells(&table).markdown(limit));
                }
            }
            _ => {}
        }
        let mut notes = section.notes.take().unwrap_or_default();
        notes.retain(|note| !note.plain_text().trim().is_empty());
        made.builder.block(&markdown(section, format));
        if !notes.is_empty() {
            made.builder.block("Notes:");
            made.builder.block(&paragraphs(notes, format));
        }
        context.output(made.builder.len())?;
    }
    Ok(())
}

fn equations_spelled_out(
    bytes: &[u8],
    context: &Context<'_>,
    what: &'static str,
) -> Result<Option<Vec<u8>>, ConvertError> {
    const BODY: &str = "word/document.xml";
    if !bytes.starts_with(b"PK") {
        return Ok(None);
    }
    let mut package = Package::open(bytes, what)?;
    let Some(xml) = package.read(BODY, context)? else {
        return Ok(None);
    };
    let changed = str::from_utf8(&xml).ok().and_then(equations::spelled_out);
    changed.map(|xml| package.with(&[(BODY, &xml)])).transpose()
}

fn tables(section: &mut Section) -> Vec<Table> {
    let (tables, others) = std::mem::take(&mut section.content)
        .into_iter()
        .partition(|block| matches!(block, Block::Table(_)));
    section.content = others;
    let tables: Vec<Block> = tables;
    let tables = tables.into_iter().filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    tables.collect()
}

/// A sheet, whose empty edges `Cells` leaves out.
fn cells(table: &Table) -> Cells {
    let mut cells = Cells::default();
    for ((row, columns), number) in table.rows.iter().zip(table.cell_columns()).zip(0..) {
        for (cell, column) in row.cells.iter().zip(columns) {
            let column = u32::try_from(column).unwrap_or(u32::MAX);
            cells.push(number, column, cell.plain_text().trim());
        }
    }
    cells
}

/// Markdown of a section, without its name and without the marks between pages.
pub(super) fn markdown(mut section: Section, format: FormatType) -> String {
    section.content = section.content.into_iter().filter_map(readable).collect();
    let options = RenderOptions {
        include_images: false,
        max_heading_level: 6,
        preserve_line_breaks: true,
        ..RenderOptions::default()
    };
    let markdown = undoc::render::render_section_to_string(&section, 0, format, &options, &HashMap::new());
    nested(&markdown)
}

/// Items of a list stand below the text of the item that they are in, after as many spaces as its marker is wide; `undoc` writes
/// two for each level, at which bullets below a number start another list.
fn nested(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    // The widths of the markers that the current item is in.
    let mut widths: Vec<usize> = Vec::new();
    for line in markdown.split_inclusive('\n') {
        let text = line.trim_start_matches(' ');
        let level = (line.len() - text.len()) / 2;
        match item_marker(text) {
            Some(width) => {
                widths.resize(level, 2);
                out.extend(std::iter::repeat_n(' ', widths.iter().sum()));
                out.push_str(text);
                widths.push(width);
            }
            None => {
                if !line.starts_with(' ') {
                    widths.clear();
                }
                out.push_str(line);
            }
        }
    }
    out
}

/// How wide the marker is that a line starts with, if it is an item.
fn item_marker(line: &str) -> Option<usize> {
    if line.starts_with("- ") {
        return Some(2);
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && line[digits..].starts_with(". ")).then_some(digits + 2)
}

fn paragraphs(paragraphs: Vec<Paragraph>, format: FormatType) -> String {
    let mut section = Section::new(0);
    for paragraph in paragraphs {
        section.add_paragraph(paragraph);
    }
    markdown(section, format)
}

/// The first heading of a slide is its title, what else is set as one ranks below.
pub(super) fn rank_headings(slide: &mut Section) {
    let mut level = HeadingLevel::H2;
    for block in &mut slide.content {
        if let Block::Paragraph(paragraph) = block
            && paragraph.is_heading()
        {
            paragraph.heading = level;
            level = HeadingLevel::H3;
        }
    }
}

/// A title that says something.
pub(super) fn title(title: Option<String>) -> Option<String> {
    let title = title?.trim().to_owned();
    // What PowerPoint calls a file that nobody has named.
    (!title.is_empty() && title != "PowerPoint Presentation").then_some(title)
}

pub(super) fn refused(what: &str, error: &undoc::Error) -> ConvertError {
    match error.kind() {
        ErrorKind::Encrypted => ConvertError::password_protected(what),
        _ => ConvertError::corrupt(what, error),
    }
}

fn readable(block: Block) -> Option<Block> {
    Some(match block {
        Block::PageBreak | Block::SectionBreak => return None,
        Block::Image { alt_text, .. } => Block::Paragraph(Paragraph::with_text(description(alt_text)?)),
        Block::Paragraph(mut paragraph) => {
            plainer(&mut paragraph);
            name_heading(&mut paragraph);
            Block::Paragraph(paragraph)
        }
        Block::Table(mut table) => {
            plainer_table(&mut table);
            Block::Table(table)
        }
        Block::Note { label, mut content } => {
            content.iter_mut().for_each(plainer);
            Block::Note { label, content }
        }
    })
}

/// Headings by the name of their style, which is the same in every language, for files that state no outline level.
fn name_heading(paragraph: &mut Paragraph) {
    if paragraph.is_heading() || paragraph.is_list_item() {
        return;
    }
    let Some(name) = paragraph.style_name.as_deref().map(str::to_ascii_lowercase) else {
        return;
    };
    let level = match name.strip_prefix("heading ") {
        Some(level) => level.parse().unwrap_or(0),
        None => u8::from(name == "title"),
    };
    if (1..=6).contains(&level) {
        paragraph.heading = HeadingLevel::from_number(level);
    }
}

/// Pictures become what is said of them, and marks go that Markdown has no form for: underlining, and letters that are only
/// written higher, as in "1st". Numbers written higher keep their mark, since 10 to the 6th is not 106.
fn plainer(paragraph: &mut Paragraph) {
    for image in std::mem::take(&mut paragraph.images) {
        if let Some(description) = description(image.alt_text) {
            let gap = if paragraph.runs.is_empty() { "" } else { " " };
            paragraph.add_run(undoc::TextRun::plain(format!("{gap}{description}")));
        }
    }
    for run in &mut paragraph.runs {
        run.style.underline = false;
        if run.text.chars().all(|character| !character.is_numeric()) {
            run.style.superscript = false;
            run.style.subscript = false;
        }
    }
}

fn plainer_table(table: &mut Table) {
    for cell in table.rows.iter_mut().flat_map(|row| &mut row.cells) {
        cell.content.iter_mut().for_each(plainer);
    }
}

/// What is said of a picture, unless it is only a name that a program gave it.
fn description(text: Option<String>) -> Option<String> {
    let text = text?.trim().to_owned();
    let mut words = text.split_whitespace();
    let first = words
        .next()?
        .trim_end_matches(|character: char| character.is_numeric());
    let is_name = PICTURE_NAMES.iter().any(|name| first.eq_ignore_ascii_case(name))
        && words.all(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let is_file = !text.contains(' ') && text.contains('.');
    (!is_name && !is_file).then_some(text)
}
