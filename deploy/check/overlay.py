"""One rendered overlay: schemas of custom resources, names that must be there, numbers that must have arrived."""

import re

import jsonschema
from services import EXAMPLES, ROOT, SECRETS, SERVICES, has_path, queue_names


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
            for check in (self.common, self.schema, self.workload, self.scaled, self.monitored, self.alerted, self.routed):
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
        if "memory" not in container.get("resources", {}).get("limits", {}):
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
                given = container.get("resources", {}).get(part)
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

    def alerted(self, document):
        if document["kind"] != "PrometheusRule":
            return
        for rule in (rule for group in document["spec"]["groups"] for rule in group["rules"] if "alert" in rule):
            base, _, page = rule["annotations"]["runbook_url"].rpartition("/runbooks/")
            if base != self.scaling["DOCS_URL"] or not (ROOT / "docs/runbooks" / page).is_file():
                yield f"{rule['alert']} sends people to {rule['annotations']['runbook_url']}"

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
