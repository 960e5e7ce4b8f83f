"""An API server in memory for one DisaggregatedSet reconciler; its informers are never behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import msgspec

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.controllers.disaggregatedset import DisaggregatedSetReconciler, RoleInformers
from lws.controllers.disaggregatedwiring import make_role_reconciler
from lws.controllers.indexes import EDITABLE
from lws.controllers.resources import KINDS
from lws.controllers.workloadmetrics import WorkloadMetrics
from lws.kube.client import Client
from lws.kube.errors import KubeError
from lws.objects import Key
from lws.runtime.clock import FakeClock
from lws.runtime.controller import Result
from lws.runtime.metrics import Metrics
from support.apimodel.calling import ModelConnection
from support.apimodel.custom import shaped
from support.apimodel.server import Server as ApiServer
from support.apimodel.store import BY_KIND, Document, Where
from support.disaggregated import a_set, decoded

NAMESPACE = "ns"
VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


class Objects(MutableMapping[tuple[str, str], Document]):
    """What is stored, by kind and name; deleting takes an object away at once."""

    def __init__(self, server: ApiServer) -> None:
        self._server, self._store = server, server.store

    def __getitem__(self, key: tuple[str, str]) -> Document:
        kind, name = key
        found = self._store.find(Where(BY_KIND[kind], NAMESPACE, name))
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: tuple[str, str], document: Document) -> None:
        kind, name = key
        made = {"namespace": NAMESPACE, "uid": f"uid-{self._store.version}", "generation": 1}
        head = {"apiVersion": BY_KIND[kind].api_version, "kind": kind}
        metadata = {**made, **document["metadata"]}
        whole = {**head, **document, "metadata": metadata}
        if self._server.schemas:
            whole = shaped(BY_KIND[kind], whole)
        self._store.put(Where(BY_KIND[kind], NAMESPACE, name), whole)

    def __delitem__(self, key: tuple[str, str]) -> None:
        kind, name = key
        self._store.remove(Where(BY_KIND[kind], NAMESPACE, name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([(where.kind.kind, where.name) for where, _ in self._store.everything()])

    def __len__(self) -> int:
        return sum(1 for _ in self._store.everything())


class Server(ModelConnection):
    """``writes``: verb, kind and name of each accepted write; ``reads``: how many.

    ``refuse``: raises for what is not to be.
    """

    def __init__(self, *, schemas: bool) -> None:
        super().__init__(ApiServer(lambda: float(self.server.store.version), schemas=schemas))
        self.client = Client(self, field_manager=c.FIELD_MANAGER)  # type: ignore[arg-type]
        self.objects = Objects(self.server)
        self.writes: list[str] = []
        self.reads = 0
        self.events: list[str] = []
        self.refuse: Callable[[str, str], None] = lambda verb, name: None

    def event(self, *, reason: str, **_: Any) -> None:
        self.events.append(reason)

    def put(self, kind: str, document: Document) -> Document:
        """As somebody else, or a watch, would see it stored."""
        name = document["metadata"]["name"]
        self.objects[kind, name] = {
            **document,
            "metadata": {"creationTimestamp": self.server.time(), **document["metadata"]},
        }
        return self.objects[kind, name]

    def request(self, method: str, path: str, **said: Any) -> bytes:
        if method == "GET":
            self.reads += 1
            return super().request(method, path, **said)
        asked = self._asked(method, path, {}, said.get("body"))
        assert asked.where is not None
        kind, name = asked.where.kind.kind, asked.where.name or asked.body["metadata"]["name"]
        verb = asked.subresource or VERBS[method]
        self.refuse(verb, name)
        answer = super().request(method, path, **said)
        self.writes.append(f"{verb} {kind} {name}")
        return answer


class View:
    """An informer of one kind that is never behind, but when told to be; ``has_synced`` may be set."""

    def __init__(self, server: Server, kind: str) -> None:
        self._stored, self.kind = server.server.store.objects[BY_KIND[kind]], kind
        self._decoded: dict[str, Any] = {}  # by resourceVersion
        self.has_synced = True
        self.indexer = self
        self.handlers: list[Any] = []
        self._late: Mapping[tuple[str, str], Document] | None = None

    def now(self) -> Mapping[tuple[str, str], Document]:
        """To ``fall_behind`` to later."""
        return dict(self._stored)

    def fall_behind(self, to: Mapping[tuple[str, str], Document]) -> None:
        """Show what there was, whatever comes, until it may ``catch_up``."""
        self._late = to

    def catch_up(self) -> None:
        self._late = None

    @property
    def _shown(self) -> Mapping[tuple[str, str], Document]:
        return self._stored if self._late is None else self._late

    def list(self) -> list[Any]:
        return [self._read(x) for x in self._shown.values()]

    def get(self, key: Key) -> Any:
        stored = self._shown.get((key.namespace, key.name))
        return None if stored is None else self._read(stored)

    def _read(self, stored: Document) -> Any:
        version = stored["metadata"]["resourceVersion"]
        if version not in self._decoded:
            self._decoded[version] = decoded(stored, KINDS[self.kind].type)
        return self._decoded[version]

    def by_index(self, name: str, value: Key) -> list[Any]:
        return [x for x in self.list() if value in EDITABLE[name](x)]

    def observe_write(self, _: Any) -> None: ...

    def add_handler(self, handler: Any) -> None:
        self.handlers.append(handler)


class Cluster:
    """One set ``llm`` and its reconciler. ``queued``: keys that handlers of the informers asked for.

    ``schemas``: the CRDs are ours; without, they let anything pass.
    """

    def __init__(self, *roles: Document, slices: int | None = None, schemas: bool = True) -> None:
        self.server = Server(schemas=schemas)
        self.queued: list[Key] = []
        self.awakened: list[bool] = []
        self.clock, self.metrics = FakeClock(), Metrics()
        self.measures = WorkloadMetrics(self.metrics)
        self.measures.start()
        self.views = [
            View(self.server, x)
            for x in (d.KIND, d.SCALER_KIND, "LeaderWorkerSet", "Service", "ControllerRevision")
        ]
        self.reconciler = self.take_over()
        self.edit(*roles, slices=slices)

    def take_over(self) -> DisaggregatedSetReconciler:
        """Another process goes on, with the same views."""
        self.reconciler = make_role_reconciler(
            RoleInformers(*self.views),  # type: ignore[arg-type]
            queue=self,
            client=self.server.client,
            recorder=self.server,
            clock=self.clock,
            awaken=lambda: self.awakened.append(True),
            measures=self.measures,
        )
        return self.reconciler

    def view(self, kind: str) -> View:
        return next(x for x in self.views if x.kind == kind)

    def add(self, item: Key, *, priority: int = 0, after: float = 0.0) -> None:
        """Nothing is looked at but when a test says so."""
        self.queued.append(item)

    def edit(self, *roles: Document, slices: int | None = None, **metadata: str) -> None:
        """Put the set with this spec; its status stays."""
        ds = msgspec.to_builtins(a_set(*[], slices=slices))
        stored = self.server.objects.get((d.KIND, "llm"), ds)
        spec = {"roles": list(roles)} | ({} if slices is None else {"slices": slices})
        self.server.put(d.KIND, stored | {"spec": spec, "metadata": {**stored["metadata"], **metadata}})

    def reconcile(self) -> Result:
        return self.reconciler.reconcile(Key("ns", "llm"))

    def make_ready(self) -> None:
        """All groups of all children are ready."""
        for (kind, name), stored in list(self.server.objects.items()):
            count = stored.get("spec", {}).get("replicas", 1)
            status = {"replicas": count, "readyReplicas": count, "updatedReplicas": count}
            if kind == "LeaderWorkerSet" and stored.get("status") != status:
                self.server.put(kind, self.server.objects[kind, name] | {"status": status})

    def settle(self, passes: int = 60) -> None:
        """Pass after pass until one writes nothing, which then asks for none at once; errors are as others'
        passes would meet them.
        """
        for _ in range(passes):
            self.make_ready()
            before = len(self.server.writes)
            try:
                result = self.reconcile()
            except KubeError:
                continue
            if len(self.server.writes) == before:
                assert result.requeue_after is None or result.requeue_after >= 1.0, f"it spins: {result}"
                assert not result.requeue
                return
        raise AssertionError(f"still writing: {self.server.writes[-5:]}")

    def names(self, kind: str) -> list[str]:
        return sorted(name for of, name in self.server.objects if of == kind)

    def sizes(self) -> dict[str, int]:
        return {
            x: self.server.objects["LeaderWorkerSet", x]["spec"]["replicas"]
            for x in self.names("LeaderWorkerSet")
        }

    def ds(self) -> DisaggregatedSet:
        return decoded(self.server.objects[d.KIND, "llm"], DisaggregatedSet)  # type: ignore[no-any-return]
