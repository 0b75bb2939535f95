"""The Dockerfile and the Compose file."""

import re

import yaml
from services import OF_SOURCES, ROOT, SERVICES, has_path


def compose_problems(compose, binaries):
    services = compose["services"]
    for name, port in SERVICES.items():
        service = services[name]
        # Those without a value are left out, as Compose does.
        environment = {key: str(value) for key, value in service["environment"].items() if value is not None}
        for problem in binaries.check(name, environment):
            yield f"Compose: {problem}"
        # What has no value in the example may get one.
        for key, value in service["environment"].items():
            if value is None and key not in binaries.known[name] and not OF_SOURCES.fullmatch(key):
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
        # What only a profile starts is waited for by nothing.
        if "test" not in service.get("healthcheck", {}) and not service.get("profiles"):
            yield f"Compose: {name} has no health check"
        for other, how in service.get("depends_on", {}).items():
            if other not in services or how["condition"] != "service_healthy":
                yield f"Compose: {name} starts before {other} is healthy"
        if not re.search(r":(v?[0-9]|dev$)", service["image"]):
            yield f"Compose: the image {service['image']} has no version"


def monitoring_problems(compose):
    """Prometheus asks where the services are, and Grafana where Prometheus is."""
    configuration = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in configuration["scrape_configs"]}
    for service, port in SERVICES.items():
        job = jobs.get(service, {})
        asked = [(found["names"], found["port"]) for found in job.get("dns_sd_configs", [])]
        if asked != [([service], port)] or not has_path(service, job.get("metrics_path", "/metrics")):
            yield f"Prometheus: the metrics of {service} are not where they are asked for"
        if service == "control-plane" and "credentials_file" not in job.get("authorization", {}):
            yield "Prometheus: the control plane's metrics need a key"
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/longshore.yaml").read_text())["datasources"]
    interval = configuration["global"]["scrape_interval"]
    if [(source["url"], source["jsonData"]["timeInterval"]) for source in sources] != [("http://prometheus:9090", interval)]:
        yield "Grafana: the source of data is not Prometheus as it is here"
    boards = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/longshore.yaml").read_text())["providers"][0]["options"]["path"]
    mounted = [mount for mount in compose["services"]["grafana"]["volumes"] if boards in str(mount)]
    if not mounted or "grafana" not in str(mounted[0]):
        yield f"Grafana: there are no dashboards at {boards}"


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
    version = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    for path in (*(f"deploy/kubernetes/base/{service}/kustomization.yaml" for service in SERVICES), "deploy/README.md"):
        if set(re.findall(r"newTag: ([\d.]+)|longshore/\S+:(\d[\d.]*)", (ROOT / path).read_text())) - {(version, ""), ("", version)}:
            yield f"{path} names another version than {version}"
    rust = re.search(r'^rust-version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    if f"RUST_IMAGE=rust:{rust}." not in text:
        yield f"Dockerfile: the builder is not Rust {rust}"
