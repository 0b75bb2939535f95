//! Presentations: each slide by `undoc`, which of them are hidden and what the speaker notes say by code of ours.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use roxmltree::Document as Xml;
use undoc::FormatType;
use undoc::pptx::PptxParser;
use undoc::streaming::{ParseEvent, SectionStreamOptions};

use super::{Made, word};
use crate::context::Context;
use crate::formats::package::Package;
use crate::{ConvertError, Place};

/// What `undoc` is given in place of a slide that it cannot read.
const EMPTY_SLIDE: &str = "<p:sld xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\"><p:cSld><p:spTree/></p:cSld></p:sld>";

pub(super) fn convert(bytes: &[u8], context: &Context<'_>, made: &mut Made) -> Result<(), ConvertError> {
    let what = made.what;
    let mut slides = Slides::open(bytes, what, context)?;
    let (file, broken) = slides.for_undoc(context)?;
    let mut parser = PptxParser::from_bytes(file).map_err(|error| word::refused(what, &error))?;
    let options = SectionStreamOptions {
        lenient: true,
        extract_resources: false,
    };
    let mut outcome = Ok(());
    let parsed = parser.for_each_section(options, |event| {
        let done = match event {
            ParseEvent::DocumentStart { metadata, .. } => {
                made.title = word::title(metadata.title.clone());
                Ok(())
            }
            ParseEvent::SectionParsed(section) => {
                let path = slides.paths.get(section.index);
                if path.is_none_or(|path| broken.contains(path) || !slides.package.contains(path)) {
                    unread(
                        section.index,
                        &ConvertError::corrupt("slide", "it is missing or no XML"),
                        made,
                    );
                    Ok(())
                } else {
                    slide(section.clone(), &mut slides, context, made)
                }
            }
            ParseEvent::SectionFailed { index, error } => {
                unread(index, &word::refused("slide", &error), made);
                Ok(())
            }
            _ => Ok(()),
        };
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        }
    });
    outcome?;
    parsed.map_err(|error| word::refused(what, &error))
}

fn unread(index: usize, error: &ConvertError, made: &mut Made) {
    made.builder.failed(Place::slide(number(index)), error);
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1)
}

fn slide(
    mut section: undoc::Section,
    slides: &mut Slides<'_>,
    context: &Context<'_>,
    made: &mut Made,
) -> Result<(), ConvertError> {
    let place = Place::slide(number(section.index));
    let path = slides.paths.get(section.index).cloned().unwrap_or_default();
    made.builder.part(place);
    // The name is the slide's number, and the notes are those of the slide with the same number, not of this one.
    section.name = None;
    section.notes = None;
    word::rank_headings(&mut section);
    made.builder.block(&word::markdown(section, FormatType::Pptx));
    let notes = slides.notes(&path, context)?;
    if !notes.is_empty() {
        made.builder.block("Notes:");
        notes.iter().for_each(|note| made.builder.block(note));
    }
    context.output(made.builder.len())
}

/// The slides as the package lists them.
struct Slides<'a> {
    package: Package<'a>,
    /// In the order of the presentation.
    paths: Vec<String>,
}

impl<'a> Slides<'a> {
    fn open(bytes: &'a [u8], what: &'static str, context: &Context<'_>) -> Result<Self, ConvertError> {
        let mut package = Package::open(bytes, what)?;
        let mut paths = Vec::new();
        let by_id: HashMap<_, _> = relationships(&mut package, "ppt/presentation.xml", context)?
            .into_iter()
            .map(|relationship| (relationship.id, relationship.target))
            .collect();
        if let Some(xml) = text(&mut package, "ppt/presentation.xml", context)?
            && let Ok(xml) = Xml::parse(&xml)
        {
            let ids = xml.descendants().filter(|node| node.has_tag_name_local("sldId"));
            paths.extend(ids.map(|node| {
                // `id` in the namespace of relationships, beside an `id` of its own.
                let id = node
                    .attributes()
                    .find(|attribute| attribute.name() == "id" && attribute.namespace().is_some());
                id.and_then(|id| by_id.get(id.value()))
                    .cloned()
                    .unwrap_or_default()
            }));
        }
        Ok(Self { package, paths })
    }

    /// The package as `undoc` is given it, and the slides that are no XML. It looks through all slides before it reads any, and
    /// gives up when one of them is broken. For each slide it also reads layout and master, several times, for pictures of bullets
    /// and for what stands in empty boxes while a slide is edited; nobody is shown that, so these are empty.
    fn for_undoc(&mut self, context: &Context<'_>) -> Result<(Vec<u8>, HashSet<String>), ConvertError> {
        let slides: HashSet<&String> = self.paths.iter().collect();
        let mut broken = HashSet::new();
        let file = self.package.unpacked(context, |name, bytes| {
            let name = name.to_owned();
            if slides.contains(&name) {
                let text = bytes.as_deref().map(String::from_utf8_lossy);
                if text.is_none_or(|xml| Xml::parse(&xml).is_err()) {
                    broken.insert(name);
                    return Some(EMPTY_SLIDE.as_bytes().to_vec());
                }
                bytes
            } else if is_pattern(&name) {
                Some(EMPTY_SLIDE.as_bytes().to_vec())
            } else {
                bytes
            }
        })?;
        Ok((file, broken))
    }

    /// The paragraphs of the speaker notes.
    fn notes(&mut self, slide: &str, context: &Context<'_>) -> Result<Vec<String>, ConvertError> {
        let relationships = relationships(&mut self.package, slide, context)?;
        let Some(notes) = relationships
            .iter()
            .find(|found| found.kind.ends_with("/notesSlide"))
        else {
            return Ok(Vec::new());
        };
        let Some(xml) = text(&mut self.package, &notes.target, context)? else {
            return Ok(Vec::new());
        };
        let Ok(xml) = Xml::parse(&xml) else {
            return Ok(Vec::new());
        };
        let shapes = xml.descendants().filter(|node| node.has_tag_name_local("sp"));
        let bodies = shapes.filter(|shape| {
            let kind = shape.descendants().find(|node| node.has_tag_name_local("ph"));
            // The others are the picture of the slide, its number, header, footer and date.
            kind.is_some_and(|kind| matches!(kind.attribute("type"), Some("body") | None))
        });
        let paragraphs =
            bodies.flat_map(|shape| shape.descendants().filter(|node| node.has_tag_name_local("p")));
        Ok(paragraphs
            .map(paragraph)
            .filter(|text| !text.trim().is_empty())
            .collect())
    }
}

/// Is it a layout or a master, or what one of them refers to?
fn is_pattern(name: &str) -> bool {
    let folders = ["ppt/slideLayouts/", "ppt/slideMasters/"];
    folders.iter().any(|folder| name.starts_with(folder)) && name.ends_with(".xml")
}

fn paragraph(node: roxmltree::Node<'_, '_>) -> String {
    let mut out = String::new();
    for node in node.descendants() {
        match node.tag_name().name() {
            "t" => out.push_str(node.text().unwrap_or_default()),
            "br" => out.push('\n'),
            "tab" => out.push(' '),
            _ => {}
        }
    }
    out
}

struct Relationship {
    id: String,
    kind: String,
    target: String,
}

/// What a part refers to, by paths from the root of the package.
fn relationships(
    package: &mut Package<'_>,
    part: &str,
    context: &Context<'_>,
) -> Result<Vec<Relationship>, ConvertError> {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let Some(xml) = text(package, &format!("{folder}/_rels/{name}.rels"), context)? else {
        return Ok(Vec::new());
    };
    let Ok(xml) = Xml::parse(&xml) else {
        return Ok(Vec::new());
    };
    let nodes = xml
        .descendants()
        .filter(|node| node.has_tag_name_local("Relationship"));
    let found = nodes.filter_map(|node| {
        Some(Relationship {
            id: node.attribute("Id")?.to_owned(),
            kind: node.attribute("Type")?.to_owned(),
            target: resolved(folder, node.attribute("Target")?),
        })
    });
    Ok(found.collect())
}

fn resolved(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut path: Vec<&str> = folder.split('/').collect();
    for step in target.split('/') {
        match step {
            ".." => drop(path.pop()),
            "." | "" => {}
            step => path.push(step),
        }
    }
    path.join("/")
}

fn text(
    package: &mut Package<'_>,
    name: &str,
    context: &Context<'_>,
) -> Result<Option<String>, ConvertError> {
    let bytes = package.read(name, context)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Tags by their local name: strict and transitional files differ in the namespace.
trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for roxmltree::Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}
