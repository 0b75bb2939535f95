"""Writes the licences of everything that is compiled into the programs: who asks for which, and the texts, each once.

Usage: python3 deploy/licences.py > THIRD-PARTY.txt, for the platform of the compiler. Needs Cargo, and the sources that a build has fetched.
"""

import hashlib
import json
import re
import subprocess
from pathlib import Path

PROGRAMS = ("cli", "control-plane", "index-processor")
TEXTS = re.compile(r"(licen[cs]e|copying|notice|unlicense|copyright)", re.IGNORECASE)
NO_TEXTS = re.compile(r"\.(rs|toml|json|html|hbs|py|sh|yml|yaml|txt\.in)$", re.IGNORECASE)


def compiled_in(metadata):
    """Ids of the packages that the programs are linked with, at any distance; not what only builds or tests them."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    open_ids = [package["id"] for package in metadata["packages"] if package["name"] in PROGRAMS and package["source"] is None]
    found = set()
    while open_ids:
        one = open_ids.pop()
        if one not in found:
            found.add(one)
            kinds = ((dependency["pkg"], {kind["kind"] for kind in dependency["dep_kinds"]}) for dependency in nodes[one]["deps"])
            open_ids += [other for other, of in kinds if None in of]
    return found


def texts(folder):
    files = sorted(path for path in folder.iterdir() if path.is_file() and TEXTS.search(path.name) and not NO_TEXTS.search(path.name))
    for path in files:
        yield path.read_text(errors="replace").strip()


def main():
    about = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    platform = re.search(r"^host: (.+)$", about, re.MULTILINE)[1]
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", platform]
    metadata = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    linked = compiled_in(metadata)
    packages = [package for package in metadata["packages"] if package["id"] in linked and package["source"]]
    packages.sort(key=lambda package: (package["name"], package["version"]))
    users, text_of = {}, {}
    print("Longshore is made with these, each under its own licence. The texts follow.\n")
    for package in packages:
        licence = package["license"] or f"see {package['license_file']}"
        print(f"{package['name']} {package['version']}: {licence}")
        for text in texts(Path(package["manifest_path"]).parent):
            key = hashlib.sha256(re.sub(r"\s+", " ", text).encode()).hexdigest()
            text_of.setdefault(key, text)
            users.setdefault(key, []).append(f"{package['name']} {package['version']}")
    for key, text in text_of.items():
        print(f"\n{'=' * 100}\n{', '.join(dict.fromkeys(users[key]))}\n{'-' * 100}\n{text}")
    without = [f"{package['name']} ({package['license']})" for package in packages if not any(texts(Path(package["manifest_path"]).parent))]
    if without:
        print(f"\n{'=' * 100}\nThese come without a text of their own: {', '.join(without)}")


main()
