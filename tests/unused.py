"""Finds dependencies that a manifest names and no source file of its crate does, and those of the workspace that no crate names.
Takes a second and needs nothing but Python; `cargo machete` (`just tidy`) says the same, and has to be compiled first."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLES = ("dependencies", "dev-dependencies", "build-dependencies")


def named(manifest):
    """Dependencies of a crate, those of single platforms too, as (name in the manifest, name of the package)."""
    parts = [manifest, *manifest.get("target", {}).values()]
    for entries in (part.get(table, {}) for part in parts for table in TABLES):
        for name, entry in entries.items():
            yield name, entry.get("package", name) if isinstance(entry, dict) else name


def sources(folder, others):
    """The text of a crate without its comments, and without crates in folders of it."""
    nested = [other for other in others if folder in other.parents]
    for path in folder.rglob("*.rs"):
        if not any(other in path.parents for other in nested) and "target" not in path.relative_to(folder).parts:
            yield re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)


def is_named(crate, text):
    return re.search(rf"(?<![\w.]){crate}\s*(?:::|;|!|\s+as\b|[,}}])", text) is not None


def main():
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    folders = [ROOT / member for member in (*workspace["members"], *workspace.get("exclude", []))]
    problems, used = [], set()
    for folder in folders:
        manifest = tomllib.loads((folder / "Cargo.toml").read_text())
        text = "\n".join(sources(folder, folders))
        ignored = manifest.get("package", {}).get("metadata", {}).get("cargo-machete", {}).get("ignored", [])
        for name, package in named(manifest):
            used.add(name)
            if package not in ignored and not is_named(name.replace("-", "_"), text):
                problems.append(f"{folder.relative_to(ROOT)}/Cargo.toml: nothing uses {name}")
    problems += [f"Cargo.toml: no crate uses {name}" for name in workspace["dependencies"] if name not in used]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
