#!/usr/bin/env bash
# Is the documentation whole? Every relative link of every Markdown file leads somewhere, every command that people are told to type is
# there, SUMMARY.md lists every page, and the site builds where mdbook is installed (`cargo install --locked mdbook`). `--write`
# brings the lists of SUMMARY.md up to date.
set -euo pipefail
cd "$(dirname "$0")/.."

python3 tests/docs/links.py "$@"
python3 tests/docs/commands.py

export PATH="$PWD/target/tools/bin:$PATH"
if command -v mdbook >/dev/null; then
  mdbook build
else
  echo "mdbook is not installed: the site was not built"
fi
