"""Checks the links of all Markdown files, and the table of contents of the site. Needs nothing but Python.

- A relative link leads to a file of the repository, and its anchor to a heading there.
- Pages of the site (docs/) link to pages of the site only: others are not in it.
- A path in backticks, such as `tests/fleet/survival.rs`, is there.
- docs/SUMMARY.md lists every page once. Its lists of runbooks and decisions are made here, with --write.
"""

import functools
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SUMMARY = DOCS / "SUMMARY.md"

FENCE = re.compile(r"^(\s*)(`{3,}|~{3,}).*?^\s*\2`*\s*$", re.S | re.M)
COMMENT = re.compile(r"<!--.*?-->", re.S)
CODE = re.compile(r"(`+)(.+?)\1", re.S)
LINK = re.compile(r"(?<!\\)\]\(\s*<?([^)<>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.M)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.M)
ID = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")
PATH = re.compile(r"(?:docs|tests|benches|shared|control-plane|index-processor|cli|deploy)/[\w./-]*\w\.\w+")


def blank(match: re.Match) -> str:
    """As many lines as there were, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group())


def prose(text: str) -> str:
    """The text without code blocks and comments."""
    return COMMENT.sub(blank, FENCE.sub(blank, text))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and mdBook make them."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(text)):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        numbered, number = slug, 0
        while numbered in found:
            number += 1
            numbered = f"{slug}-{number}"
        found.add(numbered)
    return found | set(ID.findall(text))


def markdown_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout
    return sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


@functools.cache
def all_files() -> str:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout
    return "\n/" + listed.replace("\n", "\n/")


def is_there(path: str) -> bool:
    """From the top, or from the folder of a crate."""
    return f"/{path}\n" in all_files()


def title(page: Path) -> str:
    heading = HEADING.search(prose(page.read_text()))
    return re.sub(r"[`\[\]]", "", heading.group(1)) if heading else page.stem


def made(summary: str) -> str:
    """The table of contents with the lists that are made."""

    def section(name: str, folder: str, heading: str, text: str, first: list[Path]) -> str:
        pages = [page for page in first if page.exists()]
        pages += sorted((DOCS / folder).glob("*.md"), key=lambda page: (page.stem != "README", title(page).lower()))
        # Pages of a folder that has a page of its own are below that one.
        below = "  " if (DOCS / folder / "README.md").exists() else ""
        lines = [
            f"{below if page.parent.name == folder and page.stem != 'README' else ''}- [{title(page)}]({page.relative_to(DOCS)})"
            for page in pages
        ]
        body = f"# {heading}\n\n" + "\n".join(lines) + "\n\n" if lines else ""
        return re.sub(
            rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)", lambda match: match.group(1) + ("\n" + body if body else "") + match.group(2),
            text, count=1, flags=re.S,
        )

    summary = section("runbooks", "runbooks", "Watch", summary, [DOCS / "metrics.md", DOCS / "logs.md"])
    return section("decisions", "decisions", "Decisions", summary, [])


def check_links(page: Path, headings: dict[Path, set[str]]) -> list[str]:
    problems = []
    text = prose(page.read_text())

    def say(position: int, problem: str) -> None:
        line = text.count("\n", 0, position) + 1
        problems.append(f"{page.relative_to(ROOT)}:{line}: {problem}")

    plain = CODE.sub(blank, text)
    for match in [*LINK.finditer(plain), *REFERENCE.finditer(plain)]:
        target = unquote(match.group(1))
        if re.match(r"[a-z][a-z0-9+.-]*:", target) or target.startswith("//"):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists():
            say(match.start(), f"{target} is not there")
        elif DOCS in page.parents and there != DOCS and DOCS not in there.parents:
            say(match.start(), f"{target} is not part of the site; name it in backticks instead")
        elif anchor and there.suffix == ".md" and anchor not in headings.get(there, set()):
            say(match.start(), f"{name or page.name} has no heading #{anchor}")
    for match in CODE.finditer(text):
        path = match.group(2)
        if PATH.fullmatch(path) and not is_there(path):
            say(match.start(), f"`{path}` is not there")
    return problems


def main() -> int:
    summary = SUMMARY.read_text()
    problems = []
    if made(summary) != summary:
        if "--write" in sys.argv[1:]:
            SUMMARY.write_text(summary := made(summary))
        else:
            problems.append("docs/SUMMARY.md does not list the runbooks or decisions that there are: docs/check.sh --write")
    listed = [(DOCS / name).resolve() for name in LINK.findall(prose(summary))]
    pages = markdown_files()
    for page in pages:
        if DOCS in page.parents and page != SUMMARY and listed.count(page) != 1:
            times = listed.count(page)
            problems.append(f"docs/SUMMARY.md lists {page.relative_to(DOCS)} {times} times, not once")
    headings = {page: anchors(page.read_text()) for page in pages}
    for page in pages:
        problems += check_links(page, headings)
    for problem in problems:
        print(problem)
    if problems:
        return 1
    print(f"{len(pages)} Markdown files, every link leads somewhere")
    return 0


sys.exit(main())
