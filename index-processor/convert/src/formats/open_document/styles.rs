//! Styles: what they say of emphasis, of headings, and of how lists are numbered.

use std::collections::{HashMap, HashSet};

use roxmltree::{Document as Xml, Node};

use super::{attribute, is};
use crate::formats::inline::Style;

/// How many styles a style may inherit from, one after the other.
const MAX_PARENTS: usize = 16;

/// The styles of a document.
#[derive(Default)]
pub(super) struct Styles<'a> {
    named: HashMap<(&'a str, &'a str), Properties<'a>>,
    /// Levels of list styles that are numbered.
    numbered: HashSet<(&'a str, usize)>,
}

#[derive(Default)]
struct Properties<'a> {
    parent: Option<&'a str>,
    bold: Option<bool>,
    italic: Option<bool>,
    strike: Option<bool>,
    code: Option<bool>,
    hidden: Option<bool>,
}

impl<'a> Styles<'a> {
    /// The styles in these files; the later ones win.
    pub(super) fn read(files: &[&'a Xml<'_>]) -> Self {
        let mut styles = Self::default();
        for file in files {
            let groups = file.root_element().children();
            let groups = groups.filter(|node| is(*node, "styles") || is(*node, "automatic-styles"));
            for node in groups.flat_map(|group| group.children()) {
                if is(node, "style") {
                    styles.add(node);
                } else if is(node, "list-style") {
                    styles.add_list(node);
                }
            }
        }
        styles
    }

    fn add(&mut self, node: Node<'a, '_>) {
        let (Some(family), Some(name)) = (attribute(node, "family"), attribute(node, "name")) else {
            return;
        };
        let mut properties = Properties {
            parent: attribute(node, "parent-style-name"),
            ..Properties::default()
        };
        if let Some(text) = node.children().find(|node| is(*node, "text-properties")) {
            let value = |name| attribute(text, name);
            properties.bold = value("font-weight")
                .map(|weight| weight == "bold" || weight.parse::<u32>().is_ok_and(|weight| weight >= 600));
            properties.italic = value("font-style").map(|style| matches!(style, "italic" | "oblique"));
            properties.strike = value("text-line-through-style").map(|style| style != "none");
            properties.code = value("font-name").or_else(|| value("font-family")).map(|font| {
                ["Mono", "Courier", "Consolas"]
                    .iter()
                    .any(|part| font.contains(part))
            });
            properties.hidden = value("display").map(|display| display == "none");
        }
        self.named.insert((family, name), properties);
    }

    fn add_list(&mut self, node: Node<'a, '_>) {
        let Some(name) = attribute(node, "name") else {
            return;
        };
        for level in node
            .children()
            .filter(|node| is(*node, "list-level-style-number"))
        {
            let has_number = attribute(level, "num-format").is_some_and(|format| !format.is_empty());
            if let (true, Some(level)) = (
                has_number,
                attribute(level, "level").and_then(|level| level.parse().ok()),
            ) {
                self.numbered.insert((name, level));
            }
        }
    }

    fn chain(&self, family: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, &Properties<'a>)> {
        let first = self
            .named
            .get(&(family, name))
            .map(|properties| (name, properties));
        std::iter::successors(first, move |(_, properties)| {
            let parent = properties.parent?;
            Some((parent, self.named.get(&(family, parent))?))
        })
        .take(MAX_PARENTS)
    }

    /// How characters of a style look within text of the style `outer`.
    pub(super) fn look(&self, family: &'a str, name: Option<&'a str>, outer: Style) -> Style {
        let Some(name) = name else {
            return outer;
        };
        let find = |property: fn(&Properties<'a>) -> Option<bool>| {
            self.chain(family, name)
                .find_map(|(_, properties)| property(properties))
        };
        Style {
            bold: find(|properties| properties.bold).unwrap_or(outer.bold),
            italic: find(|properties| properties.italic).unwrap_or(outer.italic),
            strike: find(|properties| properties.strike).unwrap_or(outer.strike),
            // Typewriter letters set a word apart; whole paragraphs and documents are just set in them.
            code: outer.code || (family == "text" && find(|properties| properties.code).unwrap_or(false)),
        }
    }

    /// Is text of this style not shown?
    pub(super) fn is_hidden(&self, family: &'a str, name: Option<&'a str>) -> bool {
        let mut chain = name.into_iter().flat_map(|name| self.chain(family, name));
        chain
            .find_map(|(_, properties)| properties.hidden)
            .unwrap_or(false)
    }

    /// Does a paragraph's style come from the one with this name?
    pub(super) fn is_kind_of(&self, name: Option<&'a str>, ancestor: &str) -> bool {
        name == Some(ancestor)
            || name.is_some_and(|name| {
                self.chain("paragraph", name)
                    .any(|(found, properties)| found == ancestor || properties.parent == Some(ancestor))
            })
    }

    /// Are the items of a list numbered at this level, from 1?
    pub(super) fn is_numbered(&self, list: &'a str, level: usize) -> bool {
        self.numbered.contains(&(list, level))
    }
}
