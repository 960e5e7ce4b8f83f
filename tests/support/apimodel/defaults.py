"""What the API server fills in of built-in types, and what it lets nobody change. As Kubernetes 1.36."""

from __future__ import annotations

from typing import Any

from support.apimodel.store import Document, changed

MUTABLE_OF_STATEFULSETS = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)


def defaulted(document: Document, *, max_unavailable: bool) -> Document:
    """With what it means where nothing is said. ``max_unavailable``: the gate MaxUnavailableStatefulSet."""
    match document["kind"]:
        case "StatefulSet":
            return _stateful_set(changed(document), max_unavailable=max_unavailable)
        case "Pod":
            made = changed(document)
            made["spec"] = _over({"enableServiceLinks": True}, _pod_spec(made.get("spec", {})))
            for condition in made.get("status", {}).get("conditions", ()):
                condition |= {x: condition.get(x) for x in ("lastProbeTime", "lastTransitionTime")}
            return made
        case "Service":
            return _service(changed(document))
        case "ConfigMap":
            return {x: y for x, y in document.items() if x != "data" or y}
    return document


def _over(defaults: Document, given: Document) -> Document:
    return {**defaults, **given}


def _stateful_set(document: Document, *, max_unavailable: bool) -> Document:
    spec = document["spec"] = _over(
        {"replicas": 1, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10},
        document.get("spec", {}),
    )
    spec.setdefault("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"})
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        usual = {"partition": 0} | ({"maxUnavailable": 1} if max_unavailable else {})
        strategy["rollingUpdate"] = _over(usual, strategy["rollingUpdate"])
    for condition in document.get("status", {}).get("conditions", ()):
        condition.setdefault("lastTransitionTime", None)
    spec["template"] = {**spec["template"], "spec": _pod_spec(spec["template"].get("spec", {}))}
    return document


def _pod_spec(given: Document) -> Document:
    spec = _over(
        {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "securityContext": {},
            "schedulerName": "default-scheduler",
        },
        given,
    )
    for name in ("containers", "initContainers"):
        if name in spec:
            spec[name] = [_container(x) for x in spec[name]]
    return spec


def _container(given: Document) -> Document:
    container = _over(
        {
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent" if _is_tagged(given.get("image", "")) else "Always",
        },
        given,
    )
    if "ports" in container:
        container["ports"] = [_over({"protocol": "TCP"}, x) for x in container["ports"]]
    return container


def _is_tagged(image: str) -> bool:
    """With a digest, or another tag than ``latest``."""
    name, colon, tag = image.rpartition("/")[2].partition(":")
    return "@" in name or (bool(colon) and tag != "latest")


OF_ADDRESSES = frozenset({"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"})
"""Of a Service what only one with an address of its own has."""


def _service(document: Document) -> Document:
    if _elsewhere(document):
        spec = {x: y for x, y in document["spec"].items() if x not in OF_ADDRESSES}
        return {**document, "spec": {"sessionAffinity": "None", **spec}}
    return _addressed(document)


def _elsewhere(service: Document) -> bool:
    return bool(service.get("spec", {}).get("type") == "ExternalName")


def _addressed(document: Document) -> Document:
    spec: dict[str, Any] = _over(
        {
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "internalTrafficPolicy": "Cluster",
        },
        document.get("spec", {}),
    )
    return {**document, "spec": spec}


def without_gated(document: Document) -> Document:
    """What is left where the gate MaxUnavailableStatefulSet is off. Who said it owns it nevertheless."""
    if document["kind"] != "StatefulSet":
        return document
    if "maxUnavailable" not in document["spec"]["updateStrategy"].get("rollingUpdate", {}):
        return document
    made = changed(document)
    del made["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"]
    return made


def assigned(document: Document) -> Document:
    """A new object with what the server itself decides about it, and nobody owns."""
    match document["kind"]:
        case "Service":
            given = document["spec"]
            spec = _over(
                {"clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}, given
            )
            spec.setdefault("clusterIPs", [spec["clusterIP"]])
            return {**document, "spec": spec, "status": {"loadBalancer": {}}}
        case "StatefulSet":
            return {**document, "status": {"replicas": 0, "availableReplicas": 0}}
        case "Pod":
            return {**document, "status": {"phase": "Pending", "qosClass": "BestEffort"}}
    return document


def immutable(before: Document, after: Document) -> str:
    """What of the change is not allowed; empty: nothing."""
    if before["kind"] == "StatefulSet":
        old, new = before["spec"], after["spec"]
        fixed = (old.keys() | new.keys()) - MUTABLE_OF_STATEFULSETS
        if any(old.get(x) != new.get(x) for x in fixed):
            return "spec: Forbidden: updates to statefulset spec for fields other than some are forbidden"
    moved = before["kind"] == "Service" and not (_elsewhere(before) or _elsewhere(after))
    if moved and before["spec"]["clusterIP"] != after["spec"].get("clusterIP"):
        return "spec.clusterIPs[0]: Invalid value: may not change once set"
    if before["kind"] == "Pod" and _without_images(before["spec"]) != _without_images(after["spec"]):
        return "spec: Forbidden: pod updates may not change fields other than some"
    if before["kind"] == "ControllerRevision" and before.get("data") != after.get("data"):
        return "data: Invalid value: field is immutable"
    return ""


def _without_images(spec: Document) -> Document:
    gates = {x: y for x, y in spec.items() if x not in ("activeDeadlineSeconds", "tolerations", "nodeName")}
    for name in ("containers", "initContainers"):
        if name in gates:
            gates[name] = [{x: y for x, y in each.items() if x != "image"} for each in gates[name]]
    return gates
