"""What the Dockerfile is built from: does everything that a build reads come through .dockerignore, and nothing that is nobody's
business? And does what is built find in the images what it was linked with?"""

import re
import subprocess
from pathlib import Path

from services import ROOT

# Files that Git does not know and a machine may have: repository, builds, passwords, an index.
PRIVATE = (".git/config", "target/debug/longshore", "deploy/compose/.env", ".longshore/admin.key", "shared/.longshore/admin.key")
# The shared objects that distroless "cc" has, and Debian.
LIBRARIES = {"linux-vdso.so.1", "libgcc_s.so.1", "libm.so.6", "libc.so.6", "libstdc++.so.6"}
PROGRAMS = ("control-plane", "index-processor", "longshore")


def patterns():
    """The lines of .dockerignore: whether they let through, and what."""
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        text = line.strip()
        if text and not text.startswith("#"):
            form = re.escape(text.removeprefix("!").strip("/"))
            form = form.replace(r"\*\*/", "(?:.*/)?").replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
            yield text.startswith("!"), re.compile(form)


def lets_through(path, rules):
    """As Docker does it: the last line that matches the path, or a folder that it is in, decides."""
    through = True
    parts = path.split("/")
    for letting, form in rules:
        if any(form.fullmatch("/".join(parts[:length])) for length in range(1, len(parts) + 1)):
            through = letting
    return through


def context_problems():
    rules = list(patterns())
    known = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    manifest = (ROOT / "Cargo.toml").read_text()
    members, left_out = (re.findall(r'"([^"]+)"', re.search(rf"^{key} = \[(.*?)\]", manifest, re.MULTILINE)[1]) for key in ("members", "exclude"))
    inside = lambda path, folders: any(path.startswith(f"{folder}/") for folder in folders)
    needed = {path for path in known if inside(path, members) and not inside(path, left_out)} | {"Cargo.toml", "Cargo.lock"}
    # What is compiled into the programs from elsewhere.
    for path in sorted(path for path in needed if path.endswith(".rs")):
        for name in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', (ROOT / path).read_text()):
            included = (ROOT / path).parent.joinpath(name).resolve()
            if included.is_relative_to(ROOT):
                needed.add(str(included.relative_to(ROOT)))
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    needed |= set(re.findall(r"python3 (\S+\.py)", dockerfile))
    copied = re.findall(r"^COPY (?!.*--from=)(?:--\S+ )*(.+) \S+$", dockerfile, re.MULTILINE)
    needed |= {source for line in copied for source in line.split() if source != "."}
    if "." not in copied:
        yield "Dockerfile: it does not copy the sources"
    for path in sorted(needed):
        if path not in known:
            yield f"Dockerfile: the build needs {path}, which is not in the repository"
        elif not lets_through(path, rules):
            yield f".dockerignore keeps {path} out, which the build needs"
    for path in PRIVATE:
        if lets_through(path, rules):
            yield f".dockerignore lets {path} through"


def library_problems(folder):
    """The images have no more than these; the C library is the same in all of them."""
    text = (ROOT / "deploy/docker/Dockerfile").read_text()
    releases = [re.search(form, text) for form in (r"RUST_IMAGE=rust:\S+-bookworm\n", r"DEBIAN_IMAGE=debian:12\.", r"DISTROLESS_IMAGE=\S+-debian12:")]
    if not all(releases):
        yield "Dockerfile: builder and images are not of the same release of Debian"
    for program in PROGRAMS:
        path = Path(folder) / program
        if not path.exists():
            continue
        linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        names = {Path(line.split()[0]).name for line in linked.splitlines() if line.strip()}
        for name in sorted(names - LIBRARIES):
            if not name.startswith("ld-linux"):
                yield f"{program} needs {name}, which the images do not have"
