"""Are there the commands and flags that the documentation tells people to type? Held against docs/cli.md and docs/settings.md, which
are made from the code. Needs nothing but Python.

Every command that begins with `longshore`, `control-plane` or `index-processor`, in a block of commands or in backticks, is looked at.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("control-plane", "index-processor")
FLAG = re.compile(r"`(--[a-z][a-z-]*|-[a-z])\b")
BLOCK = re.compile(r"^ *```(?:sh|console|bash)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BEGINS = re.compile(r"(?:^|[|&;(]|\b(?:until|while|do|if)\b|\$) *(longshore|control-plane|index-processor) +([^\n|&;)<>#]*)", re.MULTILINE)


def of_longshore():
    """Flags by command, such as `index create`; those of every command under the empty name."""
    found, name = {}, None
    for line in (ROOT / "docs/cli.md").read_text().splitlines():
        if line.startswith("## "):
            name = "" if line == "## Flags of every command" else re.sub(r"^## `longshore (.*)`$", r"\1", line)
            found[name] = {"--help", "--version", "-h", "-V"}
        elif line.startswith("| `-") and name is not None:
            found[name] |= set(FLAG.findall(line.split("|")[1]))
    return found


def of_services():
    """Flags of each service."""
    found = {service: {"--help", "--version"} for service in SERVICES}
    title = ""
    for line in (ROOT / "docs/settings.md").read_text().splitlines():
        title = line.removeprefix("## ") if line.startswith("## ") else title
        row = re.match(r"\| `([a-z-]+)` \|", line)
        for service in SERVICES if title == "Both services" else (title,):
            if row and service in found:
                found[service].add(f"--{row[1]}")
    return found


def problem(program, rest, commands, services):
    words = [word.strip("\"'") for word in rest.split()]
    flags = [match[0] for word in words if (match := re.match(r"--[a-z][a-z-]*|-[a-z]$", word))]
    if program in SERVICES:
        return next((f"{program} has no {flag}" for flag in flags if flag not in services[program]), None)
    names = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    first = next((place for place, word in enumerate(names) if word in commands), None)
    if first is None:
        # Flags alone, or words that are no command, such as "longshore up" within a sentence's code would be.
        return f"there is no command `longshore {names[0]}`" if words and re.fullmatch(r"[a-z][a-z-]*", words[0]) else None
    name = names[first]
    while first + 1 < len(names) and f"{name} {names[first + 1]}" in commands:
        first += 1
        name = f"{name} {names[first]}"
    known = commands[name] | commands[""]
    return next((f"`longshore {name}` has no {flag}" for flag in flags if flag not in known), None)


def main():
    commands, services = of_longshore(), of_services()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")
    looked_at, wrong = 0, 0
    for page in sorted(name for name in listed if name and (ROOT / name).is_file()):
        text = (ROOT / page).read_text()
        for code in [*BLOCK.findall(text), *INLINE.findall(BLOCK.sub("", text))]:
            for program, rest in BEGINS.findall(code.replace("\\\n", " ")):
                looked_at += 1
                if found := problem(program, rest, commands, services):
                    wrong += 1
                    print(f"{page}: {found}: {program} {rest.strip()}")
    print(f"{looked_at} commands, {wrong} that there are not")
    return 1 if wrong or looked_at < 200 else 0


sys.exit(main())
