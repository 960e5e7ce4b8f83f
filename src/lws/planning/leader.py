"""The leader StatefulSet: its document and the plan to apply it (reconcilers.md, 1.1 and 2).

How far a rollout may go (partition, replicas) is decided in ``rollout``, not here.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.planning.actions import Action, Apply, Document, Problem, Record, Requeue
from lws.planning.documents import group_annotations, handed_on, labelled_template, owned_by_set, storage
from lws.planning.events import normal, warning
from lws.planning.ownership import Standing, name_taken, standing
from lws.planning.revisions import RevisionPlan, Template
from lws.planning.rollout import Rollout, group_deletion, partition_move, rollout_numbers

FOREIGN_RETRY: Final = 20.0
"""Seconds until another look at a StatefulSet that is not the set's: its end may lead to no key of ours."""


def leader_document(
    lws: LeaderWorkerSet, template: Template, key: str, *, partition: int, replicas: int
) -> Document:
    """The complete apply document; ``key``: revision key, ``replicas``: groups, surge included."""
    labels = {c.NAME_LABEL: lws.name, c.REVISION_LABEL: key}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": lws.name,
            "namespace": lws.namespace,
            "labels": {**lws.labels, **labels, c.ROLE_LABEL: c.ROLE_LEADER},
            "annotations": {**handed_on(lws), c.REPLICAS_ANNOTATION: str(lws.replicas)},
            "ownerReferences": [owned_by_set(lws)],
        },
        "spec": {
            "replicas": replicas,
            "serviceName": lws.name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {c.NAME_LABEL: lws.name, c.WORKER_INDEX_LABEL: "0"}},
            "updateStrategy": _update_strategy(lws, partition),
            "template": labelled_template(
                template.leader_template,
                labels={**labels, c.WORKER_INDEX_LABEL: "0"},
                annotations=_template_annotations(lws, template),
            ),
            **storage(template, lws.namespace),
        },
    }


def plan_leader(
    lws: LeaderWorkerSet,
    leader: StatefulSet | None,
    revision: RevisionPlan,
    *,
    partition: int,
    replicas: int,
    tell: tuple[Record, ...] = (),
    moving: bool = True,
) -> tuple[Action, ...]:
    """Apply the leader StatefulSet; ``leader`` is as it was when ``partition`` and ``replicas`` were decided.

    All events, ``tell`` among them, wait for the apply, so a failing one does not repeat them. What is not
    the set's is not touched: an apply would take it over, or fail with words that do not say so. Raises
    ValueError, naming the field, for numbers that no admission would have let through. ``moving``: groups
    that the partition lets go are updated by that, and have not been before.
    """
    if revision.template.size < 1:
        raise ValueError(f"spec.leaderWorkerTemplate.size: {revision.template.size} is less than 1")
    document = leader_document(lws, revision.template, revision.key, partition=partition, replicas=replicas)
    if leader is None:
        created = (_created(lws, revision),)
        return (Apply("StatefulSet", document, then=created, failed=_failed(lws, "Create")),)
    if standing(leader, document) in (Standing.PASSING, Standing.FOREIGN):
        problem, failed = name_taken(leader, document), _failed(lws, "Create")
        return (problem, replace(failed, note=f"{failed.note}: {problem.message}"), Requeue(FOREIGN_RETRY))
    rollout = Rollout(partition, replicas)
    events = [group_deletion(lws, leader, rollout)]
    if moving and not revision.changed:
        events.append(partition_move(lws, leader, rollout, revision=revision.reference))
    then = (*(x for x in events if x is not None), *tell)
    return (Apply("StatefulSet", document, then=then, failed=_failed(lws, "Update")),)


def judged(
    problems: tuple[Problem, ...], lws: LeaderWorkerSet, applied: StatefulSet | None, key: str
) -> tuple[Problem, ...]:
    """What is refused of a StatefulSet that has groups and template as wanted is less than the spec.

    ``applied``: the leader StatefulSet as the pass left it; ``key``: the revision that the set asks for.
    """
    if (
        applied is None
        or applied.labels.get(c.REVISION_LABEL) != key
        or applied.annotations.get(c.REPLICAS_ANNOTATION) != str(lws.replicas)
    ):
        return problems
    return tuple(replace(x, unmet=x.reason != c.REASON_LEADER_REFUSED and x.unmet) for x in problems)


def _update_strategy(lws: LeaderWorkerSet, partition: int) -> Document:
    strategy = lws.spec.rollout_strategy
    return {
        "type": (strategy and strategy.type) or c.ROLLING_UPDATE,
        "rollingUpdate": {"partition": partition, "maxUnavailable": rollout_numbers(lws).leaders_unavailable},
    }


def _template_annotations(lws: LeaderWorkerSet, template: Template) -> dict[str, str]:
    annotations = group_annotations(lws, template)
    if template.sub_group_policy is not None:
        annotations.setdefault(c.SUBGROUP_POLICY_TYPE_ANNOTATION, c.SUBGROUP_LEADER_WORKER)
    if template.subdomain_policy == c.SUBDOMAIN_UNIQUE:
        annotations[c.SUBDOMAIN_POLICY_ANNOTATION] = c.SUBDOMAIN_UNIQUE
    return annotations


def _created(lws: LeaderWorkerSet, revision: RevisionPlan) -> Record:
    note = f"Created leader statefulset {lws.name}"
    return normal(lws, c.REASON_GROUPS_PROGRESSING, "Create", note, related=revision.reference)


def _failed(lws: LeaderWorkerSet, action: str) -> Record:
    """``action``: ``Create`` or ``Update``."""
    reason = c.REASON_FAILED_CREATE if action == "Create" else c.REASON_FAILED_UPDATE
    return warning(lws, reason, action, f"Failed to {action.lower()} leader statefulset {lws.name}")
