//! The text of a line: emphasis, code and links.

use roxmltree::Node;

/// The text of these nodes on one line.
pub(super) fn inline<'a, 'i: 'a>(nodes: impl IntoIterator<Item = Node<'a, 'i>>) -> String {
    let mut line = Line {
        out: String::new(),
        space: false,
    };
    for node in nodes {
        line.push(node);
    }
    line.out
}

struct Line {
    out: String,
    /// White space is owed before the next word.
    space: bool,
}

impl Line {
    fn push(&mut self, node: Node<'_, '_>) {
        if node.is_text() {
            self.text(node.text().unwrap_or_default());
            return;
        }
        if !node.is_element() {
            return;
        }
        let name = node.tag_name().name();
        match name {
            "emphasis" | "i" | "em" | "italic" | "hi" | "term" | "citetitle" | "firstterm" => {
                let strong = node.attribute("role").or_else(|| node.attribute("rend"));
                let is_strong = strong.is_some_and(|role| role.contains("strong") || role.contains("bold"));
                self.marked(node, if is_strong { "**" } else { "*" });
            }
            "b" | "bold" | "strong" | "uicontrol" | "guibutton" | "guilabel" | "guimenu" => {
                self.marked(node, "**")
            }
            "code" | "literal" | "codeph" | "command" | "filename" | "filepath" | "function" | "option"
            | "varname" | "parameter" | "classname" | "userinput" | "computeroutput" | "constant"
            | "envar" | "cmdname" | "monospace" | "tt" | "gi" | "att" => self.marked(node, "`"),
            "link" | "ulink" | "xref" | "ext-link" | "a" | "ref" => self.link(node),
            "lb" | "br" | "pb" => self.space = true,
            "indexterm" | "remark" | "script" | "style" | "object-id" => {}
            _ => {
                // Elements that are fields, not words: `<surname>Smith</surname><given-names>Ann</given-names>`.
                let between = node.prev_sibling().is_some_and(|before| before.is_element());
                self.space |= between;
                for child in node.children() {
                    self.push(child);
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            if !word.is_empty() {
                self.word(word);
            }
            self.space |= word.len() < piece.len();
        }
    }

    fn word(&mut self, word: &str) {
        if self.space && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.space = false;
        self.out.push_str(word);
    }

    fn marked(&mut self, node: Node<'_, '_>, mark: &str) {
        let text = inline(node.children());
        if text.is_empty() {
            return;
        }
        // Marks within marks of the same kind would close one another.
        if text.contains(mark) {
            self.word(&text);
        } else {
            self.word(&format!("{mark}{text}{mark}"));
        }
    }

    fn link(&mut self, node: Node<'_, '_>) {
        let text = inline(node.children());
        let target = node
            .attributes()
            .find(|attribute| matches!(attribute.name(), "href" | "url" | "target"))
            .map(|attribute| attribute.value())
            .filter(|target| target.starts_with("http") && !target.contains(char::is_whitespace));
        match target {
            Some(target) if text.is_empty() || text == target => self.word(&format!("<{target}>")),
            Some(target) => self.word(&format!("[{text}]({target})")),
            None if !text.is_empty() => self.word(&text),
            None => {}
        }
    }
}
