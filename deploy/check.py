"""Holds rendered manifests and the Compose file against the code: every variable is one that the binary knows and takes, every
port and path is one that it has, every name that is referred to is there, every number of scaling.env has arrived.

Usage: check.py BINARIES COMPOSE.json OVERLAY=RENDERED.yaml …
"""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent
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
    return any(re.fullmatch(form(known), path) for known in PATHS[service])


def queue_names():
    text = (ROOT / "shared/src/queue/rabbit/topology.rs").read_text()
    return set(re.findall(r'"(longshore\.work\.[a-z]+) <-', text))


def labelled(labels, wanted):
    return all(labels.get(name) == value for name, value in wanted.items())


class Overlay:
    """The documents of one rendered overlay."""

    def __init__(self, name, documents, scaling, binaries, schemas):
        self.name, self.documents, self.scaling, self.binaries, self.schemas = name, documents, scaling, binaries, schemas

    def all(self, *kinds):
        return [document for document in self.documents if document["kind"] in kinds]

    def named(self, kind, name):
        return next((document for document in self.all(kind) if document["metadata"]["name"] == name), None)

    def problems(self):
        for document in self.documents:
            where = f"{document['kind']} {document['metadata']['name']}"
            for check in (self.common, self.schema, self.workload, self.scaled, self.monitored, self.routed):
                for problem in check(document):
                    yield f"{self.name}: {where}: {problem}"
        for problem in self.dedicated():
            yield f"{self.name}: {problem}"

    def common(self, document):
        if document["kind"] != "Namespace" and document["metadata"].get("namespace") != "longshore":
            yield "is outside of the namespace"
        if document["kind"] == "Secret" and self.name != "development":
            yield "a secret does not belong in a manifest"

    def schema(self, document):
        schema = self.schemas.get(f"{document['apiVersion']} {document['kind']}")
        if schema is None:
            if "." in document["apiVersion"].partition("/")[0] and ".k8s.io" not in document["apiVersion"]:
                yield "there is no schema to hold it against"
            return
        for error in jsonschema.Draft202012Validator({**schema, "$defs": self.schemas["$defs"]}).iter_errors(document):
            yield f"{'.'.join(map(str, error.path))}: {error.message}"

    def workload(self, document):
        if document["kind"] not in ("Deployment", "StatefulSet"):
            return
        template = document["spec"]["template"]
        pod = template["spec"]
        if not labelled(template["metadata"]["labels"], document["spec"]["selector"]["matchLabels"]):
            yield "its selector does not select its pods"
        for other in self.all("Deployment", "StatefulSet"):
            if other is not document and labelled(template["metadata"]["labels"], other["spec"]["selector"]["matchLabels"]):
                yield f"{other['metadata']['name']} selects its pods too"
        if not pod.get("securityContext", {}).get("runAsNonRoot") or not pod["securityContext"].get("runAsUser"):
            yield "runs as root, or as nobody says whom"
        if pod["securityContext"].get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield "has no seccomp profile"
        if pod.get("automountServiceAccountToken") is not False:
            yield "is given a token of the cluster"
        account = pod.get("serviceAccountName")
        if account and not self.named("ServiceAccount", account):
            yield f"there is no service account {account}"
        for container in pod["containers"]:
            yield from self.container(document, pod, container)

    def container(self, document, pod, container):
        name = container["name"]
        context = container.get("securityContext", {})
        if context.get("capabilities") != {"drop": ["ALL"]} or context.get("allowPrivilegeEscalation") is not False:
            yield f"{name} has privileges"
        if name != "rabbitmq" and context.get("readOnlyRootFilesystem") is not True:
            yield f"{name} can write to its image"
        if not re.search(r":[0-9v][^:]*$|@sha256:", container["image"]):
            yield f"{name}: the image {container['image']} has no version"
        if "memory" not in container["resources"].get("limits", {}):
            yield f"{name} has no limit of memory"
        mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
        claims = document["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"] for volume in pod.get("volumes", [])} | {claim["metadata"]["name"] for claim in claims}
        if mounts != volumes:
            yield f"{name} mounts {sorted(mounts)}, and there are the volumes {sorted(volumes)}"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container.get(probe, {}).get("httpGet")
            if asked and asked["port"] not in ports:
                yield f"{probe} asks at a port that is not there"
            if asked and name in SERVICES and not has_path(name, asked["path"]):
                yield f"{probe} asks for {asked['path']}, which {name} does not have"
        if name not in SERVICES:
            for variable in container.get("env", []):
                yield from self.secret(variable.get("valueFrom", {}).get("secretKeyRef"))
            return
        if not {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container):
            yield f"{name} is not probed"
        if ports != {"http": SERVICES[name]}:
            yield f"{name} has the ports {ports}"
        if "/tmp" not in {mount["mountPath"] for mount in container["volumeMounts"]}:
            yield f"{name} has no place to work at"
        environment, problems = self.environment(container)
        yield from problems
        # What both are given may be known to one.
        own = {key: value for key, (value, shared) in environment.items() if not shared or key in self.binaries.known[name]}
        for key, (_, shared) in environment.items():
            if shared and not any(key in known for known in self.binaries.known.values()):
                yield f"no service knows the variable {key}"
        yield from self.binaries.check(name, own)
        drain = {"control-plane": 5 + 15 + 15, "index-processor": int(own.get("LONGSHORE_DRAIN_SECONDS", 25)) + 20}[name]
        if pod["terminationGracePeriodSeconds"] < drain:
            yield f"{name} ends within {drain} s and is given {pod['terminationGracePeriodSeconds']} s"
        if name == "index-processor":
            for part in ("requests", "limits"):
                given = container["resources"][part]
                wanted = {"cpu": self.scaling["INDEX_PROCESSOR_CPU"], "memory": self.scaling["INDEX_PROCESSOR_MEMORY"]}
                if given != wanted:
                    yield f"its {part} are {given}, not {wanted}"

    def environment(self, container):
        """Variables by name, each with whether it is from the map of both services; and what is wrong with them."""
        environment, problems = {}, []
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                name = source["configMapRef"]["name"]
                found = self.named("ConfigMap", name)
                if not found:
                    problems.append(f"there is no ConfigMap {name}")
                    continue
                shared = name.startswith("longshore-settings")
                environment |= {key: (value, shared) for key, value in found["data"].items()}
            else:
                problems += self.secret({**source["secretRef"], "key": None})
        for variable in container.get("env", []):
            name = variable["name"]
            if "value" in variable:
                environment[name] = (variable["value"], False)
                continue
            reference = variable["valueFrom"]["secretKeyRef"]
            problems += self.secret(reference)
            if reference["key"] != name:
                problems.append(f"{name} is taken from {reference['key']}")
            environment[name] = (EXAMPLES.get(name, "an-example"), False)
        return environment, problems

    def secret(self, reference):
        if not reference:
            return
        entries = SECRETS.get(reference["name"])
        if entries is None or reference.get("key") not in entries | {None}:
            yield f"nobody makes the secret {reference['name']} with {reference.get('key')}"
        made = self.named("Secret", reference["name"])
        if made and not reference.get("optional") and reference.get("key") not in made["data"]:
            yield f"the secret {reference['name']} here has no {reference['key']}"

    def scaled(self, document):
        if document["kind"] not in ("ScaledObject", "HorizontalPodAutoscaler"):
            return
        spec = document["spec"]
        target = self.named("Deployment", spec["scaleTargetRef"]["name"])
        if target is None:
            yield "scales a deployment that is not there"
        elif "replicas" in target["spec"]:
            yield "scales a deployment whose replicas every apply sets back"
        number = {name.removeprefix("INDEX_PROCESSOR_"): value for name, value in self.scaling.items()}
        if document["kind"] == "HorizontalPodAutoscaler":
            wanted = (int(number["MAX_REPLICAS"]), int(number["COOL_DOWN_SECONDS"]))
            if (spec["maxReplicas"], spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"]) != wanted:
                yield "does not follow scaling.env"
            return
        stabilization = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
        given = (
            spec["minReplicaCount"], spec["maxReplicaCount"], spec["pollingInterval"], spec["cooldownPeriod"], stabilization,
        )
        names = ("MIN_REPLICAS", "MAX_REPLICAS", "POLLING_SECONDS", "COOL_DOWN_SECONDS", "COOL_DOWN_SECONDS")
        if given != tuple(int(number[name]) for name in names):
            yield f"does not follow scaling.env: {given}"
        for trigger in spec["triggers"]:
            metadata = trigger["metadata"]
            if metadata.get("targetValue", metadata.get("value")) != number["SCALE_OUT_MESSAGE_COUNT"]:
                yield "does not follow INDEX_PROCESSOR_SCALE_OUT_MESSAGE_COUNT"
            authentication = self.named("TriggerAuthentication", trigger["authenticationRef"]["name"])
            if authentication is None:
                yield f"there is no TriggerAuthentication {trigger['authenticationRef']['name']}"
                continue
            wanted = {"metrics-api": "token", "rabbitmq": "host"}[trigger["type"]]
            for reference in authentication["spec"]["secretTargetRef"]:
                yield from self.secret(reference)
                if reference["parameter"] != wanted:
                    yield f"{trigger['type']} is given {reference['parameter']}, not {wanted}"
            if trigger["type"] == "rabbitmq" and metadata["queueName"] not in queue_names():
                yield f"there is no queue {metadata['queueName']}"
            if trigger["type"] == "metrics-api":
                asked = re.fullmatch(r"http://control-plane\.longshore\.svc:(\d+)(/.*)", metadata["url"])
                service = self.named("Service", "control-plane")
                if not asked or int(asked[1]) != service["spec"]["ports"][0]["port"]:
                    yield f"asks at {metadata['url']}, where nothing is"
                elif not has_path("control-plane", asked[2]):
                    yield f"asks for {asked[2]}, which the control plane does not have"
                index = document["metadata"].get("labels", {}).get("longshore/index")
                if asked and asked[2] != (f"/indexes/{index}/backlog" if index else "/backlog"):
                    yield f"asks for {asked[2]}"
                if metadata["valueLocation"] != "backlog":
                    yield "reads a field that the answer does not have"

    def monitored(self, document):
        if document["kind"] not in ("ServiceMonitor", "PodMonitor"):
            return
        kind, endpoints = {
            "ServiceMonitor": ("Service", "endpoints"),
            "PodMonitor": ("Deployment", "podMetricsEndpoints"),
        }[document["kind"]]
        wanted = document["spec"]["selector"]["matchLabels"]
        watched = [other for other in self.all(kind) if labelled(other["metadata"].get("labels", {}), wanted)]
        if not watched:
            yield "watches nothing"
        for endpoint in document["spec"][endpoints]:
            if endpoint["port"] != "http" or not has_path(wanted["app.kubernetes.io/name"], endpoint["path"]):
                yield f"asks for {endpoint['path']} at {endpoint['port']}"
            yield from self.secret(endpoint.get("authorization", {}).get("credentials"))

    def routed(self, document):
        pods = [workload["spec"]["template"] for workload in self.all("Deployment", "StatefulSet")]
        if document["kind"] == "Service":
            chosen = [pod for pod in pods if labelled(pod["metadata"]["labels"], document["spec"]["selector"])]
            if not chosen:
                yield "leads nowhere"
            for pod in chosen:
                ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
                for port in document["spec"]["ports"]:
                    if ports.get(port["targetPort"]) != port["port"]:
                        yield f"the port {port['port']} is not one of {ports}"
        if document["kind"] == "PodDisruptionBudget":
            wanted = document["spec"]["selector"]["matchLabels"]
            chosen = [other for other in self.all("Deployment") if labelled(other["spec"]["template"]["metadata"]["labels"], wanted)]
            if len(chosen) != 1 or chosen[0]["spec"]["replicas"] <= document["spec"]["minAvailable"]:
                yield "lets no pod go"
        if document["kind"] == "NetworkPolicy" and "ingress" in document["spec"]:
            wanted = document["spec"]["podSelector"]["matchLabels"]
            for pod in pods:
                if labelled(pod["metadata"]["labels"], wanted):
                    ports = {port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
                    open_ports = {port["port"] for rule in document["spec"]["ingress"] for port in rule["ports"]}
                    if not open_ports <= ports:
                        yield f"opens {open_ports}, and there are {ports}"

    def dedicated(self):
        """Indexes that the control plane gives a queue are those that have processors."""
        settings = [found for found in self.all("ConfigMap") if found["metadata"]["name"].startswith("longshore-settings")]
        named = set(filter(None, settings[0]["data"].get("DEDICATED_INDEXES", "").split(",")))
        deployed = {
            found["data"]["LONGSHORE_INDEX"] for found in self.all("ConfigMap") if "LONGSHORE_INDEX" in found["data"]
        }
        if named != deployed:
            yield f"DEDICATED_INDEXES names {sorted(named)}, and there are processors for {sorted(deployed)}"


def compose_problems(compose, binaries):
    services = compose["services"]
    for name, port in SERVICES.items():
        service = services[name]
        # Those without a value are left out, as Compose does.
        environment = {key: str(value) for key, value in service["environment"].items() if value is not None}
        for problem in binaries.check(name, environment):
            yield f"Compose: {problem}"
        for key in service["environment"]:
            if key not in binaries.known[name] and not OF_SOURCES.fullmatch(key):
                yield f"Compose: {name} does not know the variable {key}"
        if service["healthcheck"]["test"] != ["CMD", f"/usr/local/bin/{name}", "--health"]:
            yield f"Compose: {name} is not asked whether it is well"
        if not service.get("read_only") or service.get("cap_drop") != ["ALL"] or service.get("user") != "65532:65532":
            yield f"Compose: {name} has privileges"
        published = [str(entry) for entry in service.get("ports", [])]
        if name == "index-processor" and (published or "container_name" in service):
            yield "Compose: index-processor cannot be scaled"
        if name == "control-plane" and not any(re.search(rf"127\.0\.0\.1:\d+:{port}\b", entry) for entry in published):
            yield f"Compose: control-plane is not published: {published}"
    for name, service in services.items():
        if "test" not in service.get("healthcheck", {}):
            yield f"Compose: {name} has no health check"
        for other, how in service.get("depends_on", {}).items():
            if other not in services or how["condition"] != "service_healthy":
                yield f"Compose: {name} starts before {other} is healthy"
        if not re.search(r":(v?[0-9]|dev$)", service["image"]):
            yield f"Compose: the image {service['image']} has no version"


def dockerfile_problems():
    text = (ROOT / "deploy/docker/Dockerfile").read_text()
    for service, port in SERVICES.items():
        stage = re.search(rf"^FROM \S+ AS {service}\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
        for needed in (
            f"EXPOSE {port}\n", "USER 65532:65532\n", f'ENTRYPOINT ["/usr/local/bin/{service}"]', f'CMD ["/usr/local/bin/{service}", "--health"]',
        ):
            if not stage or needed not in stage[1]:
                yield f"Dockerfile: {service} lacks {needed.strip()}"
    if re.search(r"^(CMD|ENTRYPOINT) [^\[]", text, re.MULTILINE):
        yield "Dockerfile: something is started by a shell"
    if "cargo build --locked" not in text:
        yield "Dockerfile: the build does not keep to Cargo.lock"
    rust = re.search(r'^rust-version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    if f"RUST_IMAGE=rust:{rust}." not in text:
        yield f"Dockerfile: the builder is not Rust {rust}"


def variables(path):
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def planted(overlay, where, change):
    """What is said of an overlay with a mistake."""
    wrong = copy.copy(overlay)
    wrong.documents = copy.deepcopy(overlay.documents)
    change(next(document for document in wrong.documents if (document["kind"], document["metadata"]["name"]) == where))
    return list(wrong.problems())


def blind_spots(overlay):
    """Mistakes that are not noticed."""
    container = lambda document: document["spec"]["template"]["spec"]["containers"][0]
    trigger = lambda document: document["spec"]["triggers"][0]["metadata"]
    deployment, processor, scaled = ("Deployment", "control-plane"), ("Deployment", "index-processor"), ("ScaledObject", "index-processor")
    mistakes = {
        "an unknown variable": (deployment, lambda d: container(d)["env"].append({"name": "LONGSHORE_LISTENS", "value": "x"})),
        "a variable of the other service": (deployment, lambda d: container(d)["env"].append({"name": "CHUNK_SIZE", "value": "9"})),
        "a refused value": (processor, lambda d: container(d)["env"].append({"name": "INDEX_PROCESSOR_SLOTS", "value": "0"})),
        "another port": (deployment, lambda d: container(d)["ports"][0].update(containerPort=7701)),
        "a path that is not there": (processor, lambda d: container(d)["livenessProbe"]["httpGet"].update(path="/health")),
        "a short end": (processor, lambda d: d["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=30)),
        "a root that can be written": (processor, lambda d: container(d)["securityContext"].pop("readOnlyRootFilesystem")),
        "a misspelt secret": (deployment, lambda d: container(d)["env"][1]["valueFrom"]["secretKeyRef"].update(name="longshore-backend")),
        "a field that KEDA does not have": (scaled, lambda d: d["spec"].update(coolDownPeriod=1)),
        "a number as a text": (scaled, lambda d: d["spec"].update(minReplicaCount="0")),
        "another trigger": (scaled, lambda d: trigger(d).update(targetValue="11")),
        "a backlog that is not there": (scaled, lambda d: trigger(d).update(url="http://control-plane.longshore.svc:7700/backlogs")),
        "another deployment": (scaled, lambda d: d["spec"]["scaleTargetRef"].update(name="index-processors")),
        "a service that leads nowhere": (("Service", "control-plane"), lambda d: d["spec"]["selector"].update({"app.kubernetes.io/name": "x"})),
        "a monitor of nothing": (("PodMonitor", "index-processor"), lambda d: d["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/name": "control-planes"})),
        "a budget that lets no pod go": (("PodDisruptionBudget", "control-plane"), lambda d: d["spec"].update(minAvailable=2)),
        "a policy for another port": (("NetworkPolicy", "index-processor"), lambda d: d["spec"]["ingress"][0]["ports"][0].update(port=7700)),
    }
    for mistake, (where, change) in mistakes.items():
        if not planted(overlay, where, change):
            yield f"these checks do not notice {mistake}"


def main():
    folder, compose, *rendered = sys.argv[1:]
    binaries = Binaries(folder)
    schemas = json.loads((ROOT / "deploy/kubernetes/custom-resources.json").read_text())
    problems = [*dockerfile_problems(), *compose_problems(yaml.safe_load(Path(compose).read_text()), binaries)]
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
