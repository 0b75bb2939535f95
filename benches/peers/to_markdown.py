"""Makes a Markdown corpus of an HTML one: `to_markdown.py HTML_FOLDER MARKDOWN_FOLDER`."""

import sys
from pathlib import Path

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

source, target = Path(sys.argv[1]), Path(sys.argv[2])
for page in sorted(source.rglob("*.html")):
    body = BeautifulSoup(page.read_bytes(), "html.parser").body
    # Links to the neighbouring pages are laid out as tables; in Markdown they would be noise in every file.
    for navigation in body.select(".navheader, .navfooter"):
        navigation.decompose()
    text = MarkdownConverter(heading_style="ATX").convert_soup(body)
    path = target / page.relative_to(source).with_suffix(".md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.strip() + "\n", encoding="utf-8")
