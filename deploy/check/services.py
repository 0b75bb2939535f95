"""What the services know: variables, ports, paths, queues; from the programs themselves and their sources."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = {"control-plane": 7700, "index-processor": 7701}
# Read by the stores' own libraries, in the names that the providers' tools use.
OF_SOURCES = re.compile(r"(AZURE|AZURITE|AWS|GOOGLE)_[A-Z0-9_]+")
# Made by whoever installs, as deploy/README.md says, with the entries that may be referred to.
SECRETS = {
    "longshore-backends": {"DATABASE_URL", "AMQP_URL", "QDRANT_API_KEY", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"},
    "longshore-access": {"LONGSHORE_ADMIN_KEY", "EVENTS_KEY", "APPROVAL_WEBHOOK_SECRET"},
    "longshore-models": {"EMBEDDING_API_KEY", "VISION_API_KEY", "REMOTE_CONVERTER_KEY"},
    "longshore-sources": set(),
    "longshore-scaler-key": {"token"},
    "longshore-metrics-key": {"token"},
}
# Stand in for secrets where settings are checked.
EXAMPLES = {
    "DATABASE_URL": "postgres://user:password@postgres/longshore",
    "AMQP_URL": "amqp://user:password@rabbitmq",
    "LONGSHORE_ADMIN_KEY": "an-example-of-a-key-that-is-long-enough",
}


class Binaries:
    """What the programs themselves say."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.known = {}
        for service in SERVICES:
            text = self.run(service, {}, "--help").stdout
            self.known[service] = set(re.findall(r"\[env:\s+([A-Z0-9_]+)", text))

    def run(self, service, environment, *flags):
        return subprocess.run(
            [self.folder / service, *flags], env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    def check(self, service, environment):
        """Problems of an environment, as the service sees them."""
        for name in environment:
            if name not in self.known[service] and not OF_SOURCES.fullmatch(name):
                others = [other for other in SERVICES if name in self.known[other]]
                yield f"{service} does not know the variable {name}" + (f"; {others[0]} does" if others else "")
        checked = self.run(service, environment, "--check-config")
        if checked.returncode != 0:
            yield f"{service} refuses its settings: {checked.stderr.strip()}"
        listening = re.search(r"^listen\s.*?(\d+)\s+environment", checked.stdout, re.MULTILINE)
        if not listening or int(listening[1]) != SERVICES[service]:
            yield f"{service} does not listen at port {SERVICES[service]}"


def paths_of_control_plane():
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    return {path for path, operations in document["paths"].items() if "get" in operations}


def paths_of_processor():
    return set(re.findall(r'\.route\("(/[a-z]+)"', (ROOT / "shared/src/service/health.rs").read_text()))


PATHS = {"control-plane": paths_of_control_plane(), "index-processor": paths_of_processor()}


def has_path(service, path):
    form = lambda known: re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(known))
    return any(re.fullmatch(form(known), path) for known in PATHS.get(service, ()))


def queue_names():
    text = (ROOT / "shared/src/queue/rabbit/topology.rs").read_text()
    return set(re.findall(r'"(longshore\.work\.[a-z]+) <-', text))


def variables(path):
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
