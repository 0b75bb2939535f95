//! The block of settings between `---` lines at the top of a Markdown file.

/// The front matter and the text behind it; `None` when there is none. TOML front matter is between `+++` lines.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let (fence, body) = text.split_once('\n')?;
    let fence = fence.trim_end();
    if fence != "---" && fence != "+++" {
        return None;
    }
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let end = line.trim_end();
        if end == fence || (fence == "---" && end == "...") {
            return Some((&body[..at], &body[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// The value of `title` in YAML or TOML front matter, when it stands on one line.
pub(super) fn title(front_matter: &str) -> Option<String> {
    front_matter.lines().find_map(|line| {
        let value = line
            .strip_prefix("title")?
            .trim_start()
            .strip_prefix([':', '='])?
            .trim();
        let quoted = ['"', '\''].into_iter().find_map(|quote| {
            let (inside, _) = value.strip_prefix(quote)?.rsplit_once(quote)?;
            Some(inside)
        });
        let value = quoted.unwrap_or(value);
        // `|` and `>` begin a block of lines.
        (!value.is_empty() && !matches!(value, "|" | ">" | "|-" | ">-")).then(|| value.to_owned())
    })
}
