//! The outline of source code: its types, modules and functions.

use std::cell::Cell;
use std::ops::{ControlFlow, Range};

use tree_sitter::{Node, ParseOptions, Parser, Tree, TreeCursor};

use super::section::Section;
use convert::Language;

/// The parser is given so many bytes at a time.
const READ: usize = 1024;
/// And all of the text at most so many times.
const REREAD: usize = 64;
/// Items nested deeper than this are text of the item around them.
const DEPTH: usize = 12;
/// Names are cut to this many bytes.
const NAME: usize = 120;

/// The outline of a source file; `None` if it makes no sense to the parser.
pub(super) fn outline(text: &str, language: Language, grammar: &tree_sitter::Language) -> Option<Section> {
    let tree = parse(text, grammar)?;
    let mut root = Section::text(0..text.len());
    let outliner = Outliner { text, language };
    root.parts = outliner.parts(tree.root_node(), root.range.clone(), 0);
    let nonsense = root.parts.is_empty() && tree.root_node().has_error();
    (!nonsense).then_some(root)
}

/// Parses, but gives up on input that makes the parser read the same text over and over again.
///
/// The parser reads text in pieces, and again whenever it looks ahead or tries another way, so what it was given bounds
/// its time, whatever a grammar's scanner does. Honest code is read a few times over.
fn parse(text: &str, grammar: &tree_sitter::Language) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(grammar).ok()?;
    let bytes = text.as_bytes();
    let given = Cell::new(0);
    let limit = (READ + bytes.len()) * REREAD;
    let mut read = |at: usize, _| {
        if given.get() > limit {
            return &bytes[..0];
        }
        let piece = &bytes[at.min(bytes.len())..(at + READ).min(bytes.len())];
        given.set(given.get() + piece.len());
        piece
    };
    let mut reports = 0;
    let mut progress = |_: &tree_sitter::ParseState| {
        reports += 1;
        if given.get() > limit || reports > limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let tree = parser.parse_with_options(&mut read, None, Some(options))?;
    (given.get() <= limit).then_some(tree)
}

struct Outliner<'t> {
    text: &'t str,
    language: Language,
}

impl Outliner<'_> {
    /// Divides `range`, which holds the children of this node, into sections; none if no child is an item.
    fn parts(&self, parent: Node<'_>, range: Range<usize>, depth: usize) -> Vec<Section> {
        let mut parts: Vec<Section> = Vec::new();
        let mut end = range.start;
        // Where the comments and attributes right above the next item begin.
        let mut lead = None;
        let mut cursor = parent.walk();
        each_child(&mut cursor, |child| {
            if child.start_byte() < end || child.end_byte() > range.end {
                return;
            }
            let Some(item) = self.item(child, depth) else {
                lead = if is_lead(child.kind()) {
                    lead.or(Some(child.start_byte()))
                } else {
                    None
                };
                return;
            };
            let start = self.line_start(lead.take().unwrap_or(child.start_byte()), end);
            self.fill(&mut parts, end..start);
            end = self.line_end(child.end_byte(), range.end);
            parts.push(Section {
                range: start..end,
                ..item
            });
        });
        if !parts.is_empty() {
            self.fill(&mut parts, end..range.end);
            self.join(&mut parts, range);
        }
        parts
    }

    /// Adds what lies between items as a part of its own, if it says anything.
    fn fill(&self, parts: &mut Vec<Section>, gap: Range<usize>) {
        if self.text[gap.clone()].contains(char::is_alphanumeric) {
            parts.push(Section::text(gap));
        }
    }

    /// Closes the gaps: brackets and blank lines belong to the part before them.
    fn join(&self, parts: &mut [Section], range: Range<usize>) {
        let ends: Vec<usize> = parts
            .iter()
            .skip(1)
            .map(|next| next.range.start)
            .chain([range.end])
            .collect();
        for (part, end) in parts.iter_mut().zip(ends) {
            extend(part, end);
        }
        if let Some(first) = parts.first_mut() {
            first.range.start = range.start;
        }
    }

    /// The section of a node that is an item, without its range.
    fn item(&self, node: Node<'_>, depth: usize) -> Option<Section> {
        let section = |title, body, parts| {
            Some(Section {
                range: node.byte_range(),
                body,
                title,
                parts,
            })
        };
        if is_wrapper(node.kind()) && depth < DEPTH {
            let parts = self.parts(node, node.byte_range(), depth + 1);
            return match <[Section; 1]>::try_from(parts) {
                // An exported function, a decorated class: the item inside, with what is around it.
                Ok(
                    [
                        Section {
                            title, body, parts, ..
                        },
                    ],
                ) => section(title, body, parts),
                Err(parts) if parts.is_empty() => None,
                Err(parts) => section(None, parts[0].range.start, parts),
            };
        }
        let keyword = keyword(node.kind(), self.language)?;
        let name = self.name(node)?;
        let title = if keyword.is_empty() {
            name
        } else {
            format!("{keyword} {name}")
        };
        let inside = node.child_by_field_name("body");
        let body = inside.map_or(node.start_byte(), |inside| {
            let bracket = self.text.as_bytes().get(inside.start_byte()) == Some(&b'{');
            inside.start_byte() + usize::from(bracket)
        });
        let parts = match inside {
            Some(inside) if is_container(node.kind()) && depth < DEPTH => {
                self.parts(inside, body..node.end_byte(), depth + 1)
            }
            _ => Vec::new(),
        };
        section(Some(title), body, parts)
    }

    fn name(&self, node: Node<'_>) -> Option<String> {
        let text = |node: Node<'_>| {
            let text = self.text.get(node.byte_range()).unwrap_or_default();
            let text = &text[..text.floor_char_boundary(NAME)];
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let field = |name| node.child_by_field_name(name);
        if node.kind() == "impl_item" {
            let implementor = text(field("type")?);
            return Some(match field("trait") {
                Some(implemented) => format!("{} for {implementor}", text(implemented)),
                None => implementor,
            });
        }
        if let Some(name) = field("name") {
            return Some(text(name));
        }
        // C: the name is in the innermost declarator; Go: in the first specification of a type declaration.
        let mut inner = field("declarator").or_else(|| node.named_child(0))?;
        for _ in 0..DEPTH {
            match inner
                .child_by_field_name("declarator")
                .or_else(|| inner.child_by_field_name("name"))
            {
                Some(deeper) => inner = deeper,
                None => break,
            }
        }
        Some(text(inner))
    }

    /// The beginning of the line, if only white space and nothing of the part before is in between.
    fn line_start(&self, at: usize, floor: usize) -> usize {
        let indent = self.text[floor..at].trim_end_matches([' ', '\t']).len();
        let start = floor + indent;
        if start == floor || self.text[..start].ends_with('\n') {
            start
        } else {
            at
        }
    }

    /// Past a separator and the line break, if nothing else is on the line.
    fn line_end(&self, at: usize, ceiling: usize) -> usize {
        let rest = &self.text[at..ceiling];
        let line = rest.split_inclusive('\n').next().unwrap_or_default();
        if line.trim().trim_matches([';', ',']).is_empty() {
            at + line.len()
        } else {
            at
        }
    }
}

fn each_child<'t>(cursor: &mut TreeCursor<'t>, mut visit: impl FnMut(Node<'t>)) {
    let mut more = cursor.goto_first_child();
    while more {
        visit(cursor.node());
        more = cursor.goto_next_sibling();
    }
}

/// Lengthens a section, and the last parts in it.
fn extend(section: &mut Section, end: usize) {
    section.range.end = end;
    if let Some(last) = section.parts.last_mut() {
        extend(last, end);
    }
}

/// What belongs to the item below it.
fn is_lead(kind: &str) -> bool {
    kind.contains("comment")
        || matches!(
            kind,
            "attribute_item" | "attribute_list" | "decorator" | "annotation"
        )
}

/// What stands around items without being one.
fn is_wrapper(kind: &str) -> bool {
    matches!(
        kind,
        "ambient_declaration"
            | "decorated_definition"
            | "export_statement"
            | "linkage_specification"
            | "preproc_else"
            | "preproc_if"
            | "preproc_ifdef"
            | "template_declaration"
            | "declaration_list"
            | "expression_statement"
    )
}

/// What holds other items.
fn is_container(kind: &str) -> bool {
    !matches!(
        kind,
        "constructor_declaration"
            | "function_declaration"
            | "function_definition"
            | "function_item"
            | "generator_function_declaration"
            | "macro_definition"
            | "method"
            | "method_declaration"
            | "method_definition"
            | "singleton_method"
    )
}

/// What goes before the name of an item; `None` if nodes of this kind are no items.
fn keyword(kind: &str, language: Language) -> Option<&'static str> {
    Some(match kind {
        "abstract_class_declaration"
        | "class"
        | "class_declaration"
        | "class_definition"
        | "class_specifier" => "class",
        "annotation_type_declaration" => "@interface",
        "constructor_declaration" | "method_definition" => "",
        "enum_declaration" | "enum_item" | "enum_specifier" => "enum",
        "function_declaration" if language == Language::Go => "func",
        "function_declaration" | "generator_function_declaration" => "function",
        "function_definition" => match language {
            Language::Python => "def",
            Language::Php => "function",
            _ => "",
        },
        "function_item" => "fn",
        "impl_item" => "impl",
        "interface_declaration" => "interface",
        "internal_module" | "namespace_declaration" | "namespace_definition" => "namespace",
        "macro_definition" => "macro_rules!",
        "method" | "singleton_method" => "def",
        "method_declaration" if language == Language::Go => "func",
        "method_declaration" => "",
        "mod_item" => "mod",
        "module" if language == Language::Ruby => "module",
        "record_declaration" => "record",
        "struct_declaration" | "struct_item" | "struct_specifier" => "struct",
        "trait_declaration" | "trait_item" => "trait",
        "type_declaration" if language == Language::Go => "type",
        "union_item" | "union_specifier" => "union",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scanner for Bash reads to the end of the text at every bracket of this.
    #[test]
    fn text_that_is_read_over_and_over_is_given_up() {
        let text = "fn a() { (".repeat(20_000);
        assert_eq!(
            outline(&text, Language::Bash, &tree_sitter_bash::LANGUAGE.into()),
            None
        );
    }
}
