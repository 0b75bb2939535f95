"""Mistakes that the checks must notice: a check that cannot fail is none."""

import copy


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
        "a root user": (deployment, lambda d: d["spec"]["template"]["spec"]["securityContext"].update(runAsUser=0)),
        "no limit of memory": (processor, lambda d: container(d)["resources"].pop("limits")),
        "a secret that is not asked for": (processor, lambda d: container(d)["env"].pop(3)),
        "metrics at another path": (("ServiceMonitor", "control-plane"), lambda d: d["spec"]["endpoints"][0].update(path="/metric")),
        "an alert without a page": (("PrometheusRule", "longshore"), lambda d: d["spec"]["groups"][0]["rules"][0]["annotations"].update(runbook_url="docs/runbooks/None.md")),
        "a rule of another form": (("PrometheusRule", "longshore"), lambda d: d["spec"]["groups"][0]["rules"][0].update(**{"for": 5})),
        "a policy for another port": (("NetworkPolicy", "index-processor"), lambda d: d["spec"]["ingress"][0]["ports"][0].update(port=7700)),
    }
    for mistake, (where, change) in mistakes.items():
        if not planted(overlay, where, change):
            yield f"these checks do not notice {mistake}"
