//! Presentations: each page is a slide, its title first.

use roxmltree::Node;

use super::styles::Styles;
use super::text::Writer;
use super::{attribute, is};
use crate::context::Context;
use crate::formats::inline::{Runs, Style};
use crate::tidy::Builder;
use crate::{ConvertError, Place};

pub(super) fn convert<'a>(
    body: Node<'a, '_>,
    styles: &Styles<'a>,
    context: &Context<'_>,
    builder: &mut Builder,
) -> Result<(), ConvertError> {
    for (number, page) in (1..).zip(body.children().filter(|node| is(*node, "page"))) {
        builder.part(Place::slide(number));
        let mut writer = Writer::new(styles);
        let shapes = || page.children().filter(Node::is_element);
        for shape in shapes().filter(|shape| class(*shape) == Some("title")) {
            let mut title = Runs::default();
            for paragraph in shape.descendants().filter(|node| is(*node, "p")) {
                title.push(" ", Style::default(), None);
                title.push(&plain(&mut writer, paragraph), Style::default(), None);
            }
            writer.push_heading(2, title);
        }
        for shape in shapes().filter(|shape| !matches!(class(*shape), Some("title" | "notes"))) {
            writer.shape(shape);
        }
        builder.block(&writer.finish());

        let mut notes = Writer::new(styles);
        for shape in shapes()
            .filter(|node| is(*node, "notes"))
            .flat_map(|node| node.children())
        {
            if shape.is_element() && !is(shape, "page-thumbnail") {
                notes.shape(shape);
            }
        }
        let notes = notes.finish();
        if !notes.trim().is_empty() {
            builder.block("Notes:");
            builder.block(&notes);
        }
        context.output(builder.len())?;
    }
    Ok(())
}

/// What a placeholder is for.
fn class<'a>(shape: Node<'a, '_>) -> Option<&'a str> {
    if is(shape, "notes") {
        Some("notes")
    } else {
        attribute(shape, "class")
    }
}

fn plain<'a>(writer: &mut Writer<'_, 'a>, paragraph: Node<'a, '_>) -> String {
    writer
        .runs(paragraph, Style::default(), 0)
        .0
        .without_emphasis()
        .plain()
}

impl<'a> Writer<'_, 'a> {
    /// A shape, unless it only repeats on each slide.
    fn shape(&mut self, shape: Node<'a, '_>) {
        if matches!(
            class(shape),
            Some("footer" | "header" | "date-time" | "page-number")
        ) {
            return;
        }
        self.block_of(shape, 0);
    }
}
