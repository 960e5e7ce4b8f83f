"""What admission does to a pod of a LeaderWorkerSet: labels, placement and environment (api.md, 5.2 to 5.8).

Plain JSON goes in and a new document comes out, which shares every part that did not change. Requests,
answers and patches may not live here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from lws.api import constants as c
from lws.planning.claims import new_token
from lws.planning.podgroups import GangProvider, provider_named
from lws.webhooks.documents import Document, Metadata, PodSpec, read_pod, strings
from lws.webhooks.errors import AdmissionError, shown
from lws.webhooks.pods.claims import group_claims
from lws.webhooks.pods.environment import group_environment, with_leading, with_trailing
from lws.webhooks.pods.names import key, required_int, split_ordinal
from lws.webhooks.pods.placement import add_exclusive_terms
from lws.webhooks.pods.replicanodes import own_nodes
from lws.webhooks.pods.subgroups import subgroup_index, subgroup_size
from lws.webhooks.pods.tpu import TpuPod, tpu_environment

_CONTAINER_LISTS = ("containers", "initContainers")


@dataclass(slots=True)
class _Draft:
    """The pod while it is worked on; ``labels`` and ``annotations`` are its own, ``affinity`` is replaced.

    ``spec``: further members of its spec.
    """

    name: str
    namespace: str
    subdomain: str
    size: int
    labels: dict[str, str]
    annotations: dict[str, str]
    affinity: Document | None
    spec: Document = field(default_factory=dict)


GatesLeaders = Callable[[str, str], bool]
"""Whether the set of this namespace and name wants its leaders to have the gate of group readiness."""


def no_gates(_namespace: str, _name: str) -> bool:
    return False


def mutate_pod(
    pod: Document, namespace: str, *, gang: str | None, gates_leaders: GatesLeaders = no_gates, uid: str = ""
) -> Document:
    """The pod as it is to be created: the last of its :func:`mutation_stages`."""
    return mutation_stages(pod, namespace, gang=gang, gates_leaders=gates_leaders, uid=uid)[-1]


def mutation_stages(
    pod: Document, namespace: str, *, gang: str | None, gates_leaders: GatesLeaders = no_gates, uid: str = ""
) -> Sequence[Document]:
    """The pod with everything but the variables of its group, then with those too.

    Between one stage and the next a list grows at one end only, so that a patch from stage to stage holds
    additions and nothing of what was there. A pod that belongs to no LeaderWorkerSet is its only stage.

    Args:
        pod: the pod as it came to admission; it is not changed.
        namespace: that of the request, for a pod that does not say its own.
        gang: name of the gang scheduling provider, if one is configured.
        gates_leaders: asked for leaders of groups that have workers only.
        uid: of the request: the group of each new leader gets claims of a new name.

    Raises:
        AdmissionError: the pod must be denied; the text names the label, annotation or name at fault.
        msgspec.ValidationError: a member that is read here has the wrong JSON type.
    """
    view = read_pod(pod)
    metadata = view.metadata or Metadata()
    labels = strings(metadata.labels)
    if c.NAME_LABEL not in labels:
        return (pod,)
    annotations = strings(metadata.annotations)
    draft = _Draft(
        name=metadata.name or "",
        namespace=metadata.namespace or namespace,
        subdomain=(view.spec and view.spec.subdomain) or "",
        size=_group_size(annotations),
        labels=labels,
        annotations=annotations,
        affinity=(pod.get("spec") or {}).get("affinity"),
    )
    leads = labels.get(c.WORKER_INDEX_LABEL) == "0"
    join = _join_as_leader if leads else _join_as_worker
    join(draft)
    if leads and draft.size > 1 and gates_leaders(draft.namespace, labels[c.NAME_LABEL]):
        _add_gate(draft, (pod.get("spec") or {}).get("readinessGates"))
    spec = view.spec or PodSpec()
    if gang:
        _join_pod_group(draft, provider_named(gang))
    draft.spec |= _of_group(pod.get("spec") or {}, spec, draft, uid)
    joined = _joined(pod, spec, draft)
    return joined, _with_group_environment(joined, draft)


def _group_size(annotations: dict[str, str]) -> int:
    why = "a pod of a LeaderWorkerSet must have the number of pods in its group there, a decimal integer"
    return required_int(annotations.get(c.SIZE_ANNOTATION), f"annotation {c.SIZE_ANNOTATION}", why)


def _join_as_leader(draft: _Draft) -> None:
    """Group index, host name, group key, placement, subgroup 0 (api.md, 5.3). Preset labels are kept."""
    labels, annotations = draft.labels, draft.annotations
    if c.GROUP_INDEX_LABEL not in labels:
        labels[c.GROUP_INDEX_LABEL] = str(_ordinal(draft.name, "<LeaderWorkerSet name>-<group index>"))
    if annotations.get(c.SUBDOMAIN_POLICY_ANNOTATION) == c.SUBDOMAIN_UNIQUE:
        draft.subdomain = draft.name
    group_key = labels.setdefault(c.GROUP_KEY_LABEL, key(draft.namespace, draft.name))
    _place(draft, c.EXCLUSIVE_TOPOLOGY_ANNOTATION, c.GROUP_KEY_LABEL, group_key)
    excluded = annotations.get(c.SUBGROUP_POLICY_TYPE_ANNOTATION) == c.SUBGROUP_LEADER_EXCLUDED
    if _wants_subgroup(draft) and not excluded:
        _join_subgroup(draft, draft.name, 0)


def _join_as_worker(draft: _Draft) -> None:
    """Worker index from the name, and the subgroup it gives (api.md, 5.4).

    Placement next to the leader is the controller's: it knows where the leader went.
    """
    worker = _ordinal(draft.name, "<leader pod>-<worker index>")
    draft.labels[c.WORKER_INDEX_LABEL] = str(worker)
    if _wants_subgroup(draft):
        subgroup = subgroup_size(draft.annotations)
        index = subgroup_index(size=draft.size, subgroup=subgroup, worker=worker)
        _join_subgroup(draft, draft.annotations.get(c.LEADER_NAME_ANNOTATION, ""), index)


def _ordinal(name: str, form: str) -> int:
    ordinal = split_ordinal(name)[1]
    if ordinal < 0:
        raise AdmissionError(
            f"metadata.name is {shown(name)}: must be {form}, with an index of at most {2**31 - 1}"
        )
    return ordinal


def _wants_subgroup(draft: _Draft) -> bool:
    return c.SUBGROUP_SIZE_ANNOTATION in draft.annotations and not draft.labels.get(c.SUBGROUP_INDEX_LABEL)


def _join_subgroup(draft: _Draft, leader: str, index: int) -> None:
    subgroup_key = key(leader, str(index))
    draft.labels[c.SUBGROUP_INDEX_LABEL] = str(index)
    draft.labels[c.SUBGROUP_KEY_LABEL] = subgroup_key
    _place(draft, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION, c.SUBGROUP_KEY_LABEL, subgroup_key)


def _place(draft: _Draft, annotation: str, label: str, value: str) -> None:
    """Exclusive placement by the topology the annotation names; its presence counts, empty or not."""
    topology_key = draft.annotations.get(annotation)
    if topology_key is not None:
        draft.affinity = add_exclusive_terms(
            draft.affinity, topology_key=topology_key, label=label, value=value
        )


def _add_gate(draft: _Draft, present: list[Document] | None) -> None:
    """After those of the template; one that is there already stays where it is."""
    gates = present or []
    if not any(x.get("conditionType") == c.GROUP_READY_GATE for x in gates):
        draft.spec["readinessGates"] = [*gates, {"conditionType": c.GROUP_READY_GATE}]


def _join_pod_group(draft: _Draft, provider: GangProvider) -> None:
    """Make the pod a member of what stands for its group: the controller creates that for the leader."""
    membership = provider.membership(draft.labels)
    draft.labels |= membership.labels
    draft.annotations |= membership.annotations
    draft.spec |= membership.spec


def _of_group(present: Document, spec: PodSpec, draft: _Draft, uid: str) -> Document:
    """Members of the spec with values that no template can have, as they are the group's: nodes and claims.

    A worker knows its leader, and the token of its claims, by what the controller wrote into its template.
    """
    leads = draft.labels.get(c.WORKER_INDEX_LABEL) == "0"
    if leads and c.GROUP_CLAIMS_ANNOTATION in draft.annotations:
        draft.annotations.setdefault(c.GROUP_CLAIMS_TOKEN_ANNOTATION, new_token(uid))
    leader = draft.name if leads else draft.annotations.get(c.LEADER_NAME_ANNOTATION, "")
    group = draft.labels.get(c.GROUP_INDEX_LABEL, "")
    return {
        **own_nodes(present, spec, draft.annotations, leader=leader, group=group),
        **group_claims(present, spec, draft.annotations, leader=leader),
    }


def _joined(pod: Document, view: PodSpec, draft: _Draft) -> Document:
    """The pod with the draft's parts and TPU variables; members without change are the very same objects."""
    facts = TpuPod(draft.name, draft.subdomain, draft.size, draft.labels, draft.annotations)
    tpu = tpu_environment(facts, [*(view.containers or ()), *(view.init_containers or ())])
    spec: Document = {
        **(pod.get("spec") or {}),
        **({"subdomain": draft.subdomain} if draft.subdomain else {}),
        **({"affinity": draft.affinity} if draft.affinity is not None else {}),
        **draft.spec,
    }
    if tpu:
        spec = _each_container(spec, lambda x, index: with_trailing(x, tpu[index]) if index in tpu else x)
    metadata = {**pod["metadata"], "labels": draft.labels, "annotations": draft.annotations}
    return {**pod, "metadata": metadata, "spec": spec}


def _with_group_environment(pod: Document, draft: _Draft) -> Document:
    entries = group_environment(
        labels=draft.labels,
        annotations=draft.annotations,
        subdomain=draft.subdomain,
        namespace=draft.namespace,
        containers=sum(len(pod["spec"].get(member) or ()) for member in _CONTAINER_LISTS),
    )
    return {**pod, "spec": _each_container(pod["spec"], lambda x, _: with_leading(x, entries))}


def _each_container(spec: Document, change: Callable[[Any, int], Any]) -> Document:
    """The spec with ``change`` made to each container; its index counts through regular, then init ones."""
    counted = count()
    lists = {
        member: [change(container, next(counted)) for container in spec[member]]
        for member in _CONTAINER_LISTS
        if spec.get(member)
    }
    return {**spec, **lists}
