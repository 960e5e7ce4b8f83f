"""Whether the API server would take the StatefulSets of an edited set, found by dry runs.

The server takes a set whose StatefulSets it refuses: for claim templates, which cannot change, or for a pod
template that no StatefulSet may have. Documents are the controller's own. Nothing is stored.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.cli.observing import Seen
from lws.cli.session import Session
from lws.kube.client import APPLY
from lws.kube.errors import AlreadyExists, ApiError, Conflict, Forbidden
from lws.kube.resources import STATEFULSETS, Resource
from lws.planning.actions import Document
from lws.planning.leader import leader_document
from lws.planning.revisions import RevisionPlan
from lws.planning.workers import worker_document

CONTROLLER: Final = "lws"
"""The controller's field manager: what it owns it may change."""


class Trial(Struct, frozen=True):
    """The server's words: ``leader`` and ``workers`` where it refuses the StatefulSet, else empty.

    ``untried``: which of them could not be asked about, and why.
    """

    leader: str = ""
    workers: str = ""
    untried: tuple[str, ...] = ()


def try_out(session: Session, seen: Seen, edited: LeaderWorkerSet, revision: RevisionPlan) -> Trial:
    """Apply the leader StatefulSet and create a worker StatefulSet, both as dry runs.

    Raises ApiError for what speaks of no document: a server that is overloaded, or credentials that expired.
    """
    trials = Trials(session)
    leader = (
        ""
        if seen.leader is None
        else trials.apply(_leader(seen.leader, edited, revision), "leader StatefulSet")
    )
    document = _workers(seen, edited, revision)
    workers = "" if document is None else trials.create(STATEFULSETS, document, "worker StatefulSet")
    return Trial(leader, workers, tuple(trials.untried))


def _leader(leader: StatefulSet, edited: LeaderWorkerSet, revision: RevisionPlan) -> Document:
    partition = leader.spec.update_strategy.rolling_update.partition
    return leader_document(
        edited, revision.template, revision.key, partition=partition, replicas=leader.spec.replicas
    )


def _workers(seen: Seen, edited: LeaderWorkerSet, revision: RevisionPlan) -> Document | None:
    """That of a group which is there, without owner: to name one takes a right of its own. None where there
    is no group, or workers are not wanted.
    """
    leader = next(iter(seen.observed.leaders), None)
    if leader is None or revision.template.size == 1:
        return None
    document = worker_document(edited, leader, revision.template, node_selector=None)
    metadata = {name: x for name, x in document["metadata"].items() if name != "ownerReferences"}
    return {**document, "metadata": metadata}


class Trials:
    """Dry runs of the controller's writes. ``untried``: what the user may not ask about, and why."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.untried: list[str] = []

    def apply(self, document: Document, called: str) -> str:
        """A StatefulSet of the controller's. The server's words, empty when it accepts."""
        metadata = document["metadata"]
        path = STATEFULSETS.path(metadata["namespace"], metadata["name"])
        return self._ask("PATCH", path, document, called)

    def create(self, resource: Resource, document: Document, called: str) -> str:
        """The server's words, empty when it accepts. A name that is taken is told only of what is valid."""
        return self._ask("POST", resource.path(document["metadata"]["namespace"]), document, called)

    def _ask(self, method: str, path: str, document: Document, called: str) -> str:
        applied = method == "PATCH"
        query = {"dryRun": "All", "fieldManager": CONTROLLER} | ({"force": "true"} if applied else {})
        try:
            self._session.client.connection.request(
                method,
                path,
                query=query,
                body=msgspec.json.encode(document),
                content_type=APPLY if applied else "application/json",
                timeout=self._session.client.timeout,
            )
        except (AlreadyExists, Conflict):
            return ""
        except Forbidden as error:
            if _speaks_of_rights(error):
                self.untried.append(f"{called}: {error.message}")
                return ""
            return error.message
        except ApiError as error:
            if error.status in {401, 404, 429} or error.status >= 500:
                raise
            return error.message
        return ""


def _speaks_of_rights(error: Forbidden) -> bool:
    """Of the user's, in the words of the API server's authorization; policies are refused with 403, too."""
    return " cannot patch resource " in error.message or " cannot create resource " in error.message
