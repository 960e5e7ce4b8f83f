"""Scheduler and kubelets: pods are bound, start, become ready, are restarted, and end.

Each call is one step. What a pod does is told by its images: ``bad`` cannot be pulled. What happens to it
(``fail``, ``restart``) is for a test to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from support.apimodel.answers import Refused
from support.apimodel.server import Server
from support.apimodel.store import BY_KIND, Document, uid_of, where_of

ME = "kubelet"
BAD = "bad"
PODS = BY_KIND["Pod"]


class Nodes:
    """``away``: nothing happens on any node for now. ``full``: no pod gets a node. ``stuck(pod)``: this one
    does not become ready.
    """

    def __init__(self, server: Server) -> None:
        self._server, self._store = server, server.store
        self._images: dict[str, dict[str, str]] = {}  # what runs, by pod UID and container
        self._started = 0
        self.away = self.full = False
        self.stuck: Callable[[Document], bool] = lambda _pod: False

    @property
    def mood(self) -> object:
        """On what the moves depend beside what is stored."""
        return (self.away, self.full, self.stuck)

    def know(self, other: Nodes) -> None:
        """What runs on the other ones runs here."""
        self._images, self._started = {x: dict(y) for x, y in other._images.items()}, other._started

    def moves(self) -> Iterator[Callable[[], object]]:
        """Everything that they could do now."""
        for pod in () if self.away else self._store.objects[PODS].values():
            if (move := self._next(pod)) is not None:
                yield move

    def _next(self, pod: Document) -> Callable[[], object] | None:
        if not pod["spec"].get("nodeName"):
            return None if "deletionTimestamp" in pod["metadata"] else self._place(pod)
        if "deletionTimestamp" in pod["metadata"]:
            ended = pod["metadata"].get("deletionGracePeriodSeconds", 0) == 0
            return None if ended else partial(self._end, pod)
        if pod["status"].get("phase") in ("Failed", "Succeeded"):
            return None
        status = self._status(pod)
        return None if status == pod["status"] else partial(self._write, pod, status)

    def _place(self, pod: Document) -> Callable[[], object] | None:
        if not self.full:
            return partial(self._bind, pod)
        said = {x["type"]: x["status"] for x in pod["status"].get("conditions", ())}
        return None if said.get("PodScheduled") == "False" else partial(self._refuse, pod)

    def _refuse(self, pod: Document) -> None:
        self._put(pod, _conditions(pod["status"], self._server.time(), PodScheduled=False))

    def _bind(self, pod: Document) -> None:
        """The scheduler: into the spec, which nobody else may write."""
        status = _conditions(pod["status"], self._server.time(), PodScheduled=True)
        bound = {**pod, "spec": {**pod["spec"], "nodeName": "a-node"}, "status": status}
        self._store.put(where_of(pod), bound)

    def _status(self, pod: Document) -> Document:
        """What its kubelet says next: seen, then started container by container, then ready."""
        status, generation = pod["status"], pod["metadata"].get("generation", 1)
        if status.get("observedGeneration", 0) < generation:
            return {**status, "observedGeneration": generation}
        runs = self.runs(uid_of(pod))
        for container in pod["spec"]["containers"]:
            if runs.get(container["name"]) != container["image"]:
                return self._start(pod, container)
        if BAD in runs.values() or self.stuck(pod):
            return status
        return self._with_readiness(pod, status)

    def _start(self, pod: Document, container: Document) -> Document:
        return {**pod["status"], "__start__": container["name"]}

    def _write(self, pod: Document, status: Document) -> None:
        if name := status.pop("__start__", ""):
            status = self._started_status(pod, name)
        self._put(pod, status)

    def _put(self, pod: Document, status: Document) -> None:
        live = self._store.find(where_of(pod))
        if live is not None and uid_of(live) == uid_of(pod):
            self._server.update(where_of(pod), {**live, "status": status}, ME, "status")

    def _started_status(self, pod: Document, name: str) -> Document:
        image = next(x["image"] for x in pod["spec"]["containers"] if x["name"] == name)
        runs = self._images.setdefault(uid_of(pod), {})
        before = {x["name"]: x for x in pod["status"].get("containerStatuses", ())}
        count = before.get(name, {}).get("restartCount", 0)
        if image == BAD:
            shown = {"name": name, "restartCount": count, "image": image, "ready": False}
            shown["state"] = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
        else:
            self._started += 1
            count += 1 if runs.get(name) else 0
            shown = {"name": name, "restartCount": count, "image": image, "ready": True, "started": True}
            shown |= {"containerID": f"cri://{self._started}", "imageID": image, "state": {"running": {}}}
        runs[name] = image
        statuses = [
            (before | {name: shown})[x["name"]] for x in pod["spec"]["containers"] if x["name"] in runs
        ]
        all_run = len(statuses) == len(pod["spec"]["containers"]) and BAD not in runs.values()
        phase = "Running" if pod["status"].get("phase") == "Running" or all_run else "Pending"
        status = {**pod["status"], "phase": phase, "containerStatuses": statuses}
        begun = dict.fromkeys(("PodReadyToStartContainers", "Initialized"), True)
        return _conditions(status, self._server.time(), **begun, ContainersReady=False, Ready=False)

    def _with_readiness(self, pod: Document, status: Document) -> Document:
        gates = [x["conditionType"] for x in pod["spec"].get("readinessGates", ())]
        said = {x["type"]: x["status"] for x in status.get("conditions", ())}
        ready = all(said.get(x) == "True" for x in gates)
        return _conditions(status, self._server.time(), ContainersReady=True, Ready=ready)

    def _end(self, pod: Document) -> None:
        self._images.pop(uid_of(pod), None)
        self._try(self._server.delete, where_of(pod), uid=uid_of(pod), grace=0)

    def runs(self, uid: str) -> dict[str, str]:
        """The images that the containers of a pod were started from."""
        return self._images.get(uid, {})

    # What happens to pods.

    def fail(self, pod: Document) -> None:
        """All its containers end for good."""
        status = _conditions({**pod["status"], "phase": "Failed"}, self._server.time(), Ready=False)
        self._put(pod, status)

    def restart(self, pod: Document, container: str = "") -> None:
        """A container ends, and is started again."""
        name = container or pod["spec"]["containers"][0]["name"]
        self._put(pod, self._started_status(pod, name))

    @staticmethod
    def _try(call: Callable[..., object], *args: Any, **options: Any) -> None:
        try:
            call(*args, **options)
        except Refused as refused:
            if refused.status not in (404, 409):
                raise


def _conditions(status: Document, now: str, **wanted: bool) -> Document:
    """With these conditions, and new times where they moved."""
    found = {x["type"]: x for x in status.get("conditions", ())}
    for type_, value in wanted.items():
        text = "True" if value else "False"
        if found.get(type_, {}).get("status") != text:
            found[type_] = {"type": type_, "status": text, "lastTransitionTime": now}
    return {**status, "conditions": list(found.values())}
