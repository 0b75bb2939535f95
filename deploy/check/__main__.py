"""Holds rendered manifests and the Compose file against the code: every variable is one that the binary knows and takes, every
port and path is one that it has, every name that is referred to is there, every number of scaling.env has arrived.

Usage: python deploy/check BINARIES COMPOSE.yaml OVERLAY=RENDERED.yaml …
"""

import json
import sys
from pathlib import Path

import yaml
from context import context_problems, library_problems
from images import compose_problems, dockerfile_problems, monitoring_problems
from mistakes import blind_spots
from overlay import Overlay
from services import PATHS, ROOT, Binaries, variables


def main():
    folder, compose, *rendered = sys.argv[1:]
    binaries = Binaries(folder)
    schemas = json.loads((ROOT / "deploy/kubernetes/custom-resources.json").read_text())
    composed = yaml.safe_load(Path(compose).read_text())
    problems = [
        *dockerfile_problems(), *context_problems(), *library_problems(folder),
        *compose_problems(composed, binaries), *monitoring_problems(composed),
    ]
    if min(map(len, binaries.known.values())) < 30 or not {"/healthz", "/readyz", "/metrics"} <= PATHS["index-processor"]:
        problems.append("the variables or paths of the services could not be read")
    for argument in rendered:
        name, _, path = argument.partition("=")
        kubernetes = ROOT / "deploy/kubernetes"
        scaling = variables(kubernetes / "base/scaling.env") | variables(kubernetes / f"overlays/{name}/settings/scaling.env")
        documents = list(yaml.safe_load_all(Path(path).read_text()))
        overlay = Overlay(name, documents, scaling, binaries, schemas)
        found = list(overlay.problems())
        problems += found
        if name == "production" and not found:
            problems += blind_spots(overlay)
    for problem in problems:
        print(problem)
    print(f"{len(rendered)} overlays: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
