"""A model of what holds a DisaggregatedSet's LeaderWorkerSets: it takes actions in, and makes groups ready.

Every write is checked as it happens: none takes a role's serving groups below its floor, none builds a group
above its ceiling. Both are what the spec says, told from it here and not by the planner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from lws.api import disaggregation as d
from lws.api.disaggregatedset import (
    DisaggregatedSet,
    DisaggregatedSetRoleScaler,
    RoleRolloutStatus,
    RoleSpec,
)
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.actions import Action, Create, Delete, Patch, Record, RoleRolloutEnded
from lws.planning.disaggregated.demand import Wanted, wanted_of
from lws.planning.disaggregated.names import revision_of_child, role_of, slice_of
from lws.planning.disaggregated.record import ends, plan_record
from lws.planning.disaggregated.rollout import plan_news, plan_slice
from lws.planning.disaggregated.slices import Former, Slice, make_slices
from support.disaggregated import decoded, revision

Place = tuple[int, str]
"""A slice and a role."""


class World:
    """``ds`` may be replaced at any time; the record of its rollout is kept. ``events``: reasons, in order
    of their writes; ``measured``: what was measured of rollouts that ended.
    """

    def __init__(self, ds: DisaggregatedSet) -> None:
        self.ds = ds
        self.scalers: dict[str, DisaggregatedSetRoleScaler] = {}
        self.children: dict[str, LeaderWorkerSet] = {}
        self.events: list[str] = []
        self.measured: list[RoleRolloutEnded] = []
        self._record: RoleRolloutStatus | None = None
        self._version = 0

    @property
    def wanted(self) -> Wanted:
        ds = replace(self.ds, status=replace(self.ds.status, rollout=self._record))
        return wanted_of(ds, revision(ds), self.scalers)

    def slices(self) -> list[Slice]:
        return make_slices(self.ds, revision(self.ds), self.children.values())

    def plan(self) -> list[Action]:
        """What a pass that sees everything would do."""
        wanted = self.wanted
        return [action for slice_ in self.slices() for action in plan_slice(wanted, slice_)]

    def run(self, actions: Iterable[Action], limit: int | None = None, *, floors: bool = True) -> None:
        """Carry out at most ``limit`` of them, as if the controller died then; a conflict ends them, too, but
        not the pass, which ends with the record of the rollout. ``floors``: whether they can be kept, which
        nobody can who does not know yet that groups have fallen.
        """
        before = self.slices()
        for number, action in enumerate(actions):
            if number == limit:
                return
            if not self._carry_out(action, floors=floors):
                break
        for former, now in zip(before, self.slices(), strict=True):
            self.events += [x.reason for x in plan_news(self.wanted, former, now)]
        self.report()

    def report(self) -> None:
        """Keep the record, and take in what is told of its end."""
        wanted = self.wanted
        plan = plan_record(wanted, self.slices(), at=0.0)
        for effect in ends(wanted, plan):
            if isinstance(effect, Record):
                self.events.append(effect.reason)
            elif isinstance(effect, RoleRolloutEnded):
                self.measured.append(effect)
        self._record = plan.record

    def make_ready(self, choose: Callable[[int], int] = lambda missing: missing) -> None:
        """Of the groups of each child that are not ready, so many as ``choose`` says become so."""
        for name, child in self.children.items():
            ready = child.status.ready_replicas
            ready += choose(child.replicas - ready) if child.replicas > ready else 0
            self._show(name, child, ready)

    def break_down(self, choose: Callable[[int], int]) -> int:
        """Of the ready groups of each child, so many as ``choose`` says fall; how many in all do."""
        fallen = 0
        for name, child in self.children.items():
            ready = child.status.ready_replicas
            falling = choose(ready)
            fallen += falling
            self._show(name, child, ready - falling)
        return fallen

    def settle(self, passes: int = 400) -> int:
        """Pass after pass, everything ready in between; returns how many it took until nothing was to do."""
        for number in range(passes):
            self.make_ready()
            actions = self.plan()
            if not actions:
                self.report()
                return number
            self.run(actions)
        raise AssertionError(f"still at work after {passes} passes: {self.counts()}")

    def counts(self) -> dict[str, int]:
        return {name: x.replicas for name, x in sorted(self.children.items())}

    def _carry_out(self, action: Action, *, floors: bool) -> bool:
        before = self._measured()
        match action:
            case Create(document=document):
                self._create(decoded(document, LeaderWorkerSet))
            case Delete():
                self._delete(action)
            case Patch():
                about = action.document["metadata"]
                child = self.children.get(about["name"])
                if child is None or child.metadata.resource_version != about["resourceVersion"]:
                    return False
                self._patch(action)
        self.events += [x.reason for x in getattr(action, "then", ()) if isinstance(x, Record)]
        self._check(before, floors=floors)
        return True

    def _create(self, child: LeaderWorkerSet) -> None:
        if child.name in self.children:
            return
        metadata = replace(
            child.metadata,
            uid=f"uid-{child.name}-{self._next()}",
            creation_timestamp=f"{self._version:09}",
            resource_version=str(self._version),
        )
        self.children[child.name] = replace(child, metadata=metadata)

    def _delete(self, action: Delete) -> None:
        child = self.children.get(action.key.name)
        if child is not None and child.uid == action.uid:
            assert child.replicas == 0, f"{child.name} is deleted with {child.replicas} groups"
            del self.children[child.name]

    def _patch(self, action: Patch) -> None:
        document = action.document
        child = self.children[document["metadata"]["name"]]
        added = document["metadata"].get("annotations", {})
        metadata = replace(child.metadata, annotations={**child.annotations, **added})
        spec = replace(child.spec, replicas=document.get("spec", {}).get("replicas", child.replicas))
        child = replace(child, metadata=metadata, spec=spec)
        self._show(child.name, child, min(child.status.ready_replicas, child.replicas), moved=True)

    def _show(self, name: str, child: LeaderWorkerSet, ready: int, *, moved: bool = False) -> None:
        status = replace(child.status, replicas=child.replicas, ready_replicas=ready, updated_replicas=ready)
        if status != child.status or moved:
            metadata = replace(child.metadata, resource_version=str(self._next()))
            self.children[name] = replace(child, metadata=metadata, status=status)

    def _next(self) -> int:
        self._version += 1
        return self._version

    def _count(self, number: Callable[[LeaderWorkerSet], int]) -> Counter[Place]:
        counts: Counter[Place] = Counter()
        for child in self.children.values():
            counts[slice_of(child) or 0, role_of(child)] += number(child)
        return counts

    def _had(self) -> Counter[Place]:
        """What there was to replace, as it was noted; on a way back that of both revisions."""
        now = revision(self.ds)

        def noted(child: LeaderWorkerSet) -> int:
            there = int(child.annotations.get(d.INITIAL_REPLICAS_ANNOTATION, "0"))
            former = revision_of_child(child) != now
            return (max(there, child.replicas) if child.replicas else 0) if former else there

        return self._count(noted)

    def _measured(self) -> tuple[Counter[Place], Counter[Place]]:
        """Groups that serve, groups that exist. Old ones that broke count as serving: no rollout waits for
        them (decision 170, Q-14).
        """
        now = revision(self.ds)
        ready = self._count(lambda x: x.status.ready_replicas if revision_of_child(x) == now else x.replicas)
        return ready, self._count(lambda x: x.replicas)

    def _check(self, before: tuple[Counter[Place], Counter[Place]], *, floors: bool) -> None:
        (were_ready, existed), (ready, existing), had = before, self._measured(), self._had()
        for demand in self.wanted.demands:
            for number in range(self.ds.slices):
                place = number, demand.name
                want = demand.in_slice(number, otherwise=existed[place])
                surge, floor = allowed(demand.spec, want)[0], serving_floor(demand.spec, had[place], want)
                assert not floors or ready[place] >= min(were_ready[place], floor), (
                    f"{place}: {ready[place]} of {floor} groups serve in {self.counts()}"
                )
                if existing[place] > existed[place] and self._rolls(number):
                    assert existing[place] <= want + surge, (
                        f"{place}: {existing[place]} groups of {want + surge} in {self.counts()}"
                    )

    def _rolls(self, number: int) -> bool:
        now = revision(self.ds)
        mine = (x for x in self.children.values() if (slice_of(x) or 0) == number)
        return any(revision_of_child(x) != now and x.replicas for x in mine)


def allowed(spec: RoleSpec, want: int) -> tuple[int, int]:
    """Groups above and below ``want``: shares rounded up and down; one above where both come to nothing."""

    def resolved(value: int | str | None, absent: int, up: int) -> int:
        if isinstance(value, str):
            return (int(value.rstrip("%")) * want + up) // 100
        return absent if value is None else value

    rolling = spec.rolling_update
    if rolling is None:
        return 1, 0
    numbers = resolved(rolling.max_surge, 0, 99), resolved(rolling.max_unavailable, 1, 0)
    return numbers if any(numbers) else (1, 0)


def serving_floor(spec: RoleSpec, had: int, want: int) -> int:
    """What the role had to serve with before, or has to with its new size when that is less; one group if it
    had any, unless the new size may do without.
    """
    least, before = (max(0, x - allowed(spec, x)[1]) for x in (want, min(had, want)))
    return max(before, min(least, had, 1))


def is_broken(former: Former) -> bool:
    """One of its roles has come to 0 in this rollout, and another has groups still."""
    ended = [x for x in former.children.values() if not x.replicas and _began(x)]
    return bool(ended) and not former.drained


def _began(child: LeaderWorkerSet) -> bool:
    return child.annotations.get(d.INITIAL_REPLICAS_ANNOTATION, "0") != "0"
