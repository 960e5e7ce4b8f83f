"""Services and the cut-over (section 13, scenarios of 23.5)."""

from __future__ import annotations

import pytest
from support.disaggregated import a_child, a_role, a_scaler, a_service, a_set, revision

from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.planning.actions import Create, Delete
from lws.planning.disaggregated.demand import Taken, wanted_of
from lws.planning.disaggregated.services import plan_services
from lws.planning.disaggregated.slices import make_slices

DS = a_set(a_role("prefill", 2), a_role("decode", 2))
NEW, OLD = revision(DS), "0ld00000"


def plan(
    children: list[LeaderWorkerSet],
    services: list[Service] = [],  # noqa: B006
    *,
    ds: DisaggregatedSet = DS,
    scalers: dict[str, DisaggregatedSetRoleScaler] | None = None,
    taken: tuple[Taken, ...] = (),
) -> list[str]:
    """``+name`` for each service that is made, ``-name`` for each that goes, without the set's name."""
    [slice_] = make_slices(ds, revision(ds), children)
    wanted = wanted_of(ds, revision(ds), scalers or {}, taken)
    shown = []
    for action in plan_services(wanted, slice_, {x.name: x for x in services}):
        if isinstance(action, Create):
            shown.append(f"+{action.document['metadata']['name']}")
        elif isinstance(action, Delete):
            shown.append(f"-{action.key.name}")
    return [x.replace("llm-", "").replace("-prv", "") for x in shown]


def pair(rev: str, prefill: int, decode: int, number: int | None = 0) -> list[LeaderWorkerSet]:
    """Two children of two groups each, of which so many are ready."""
    ready = {"prefill": prefill, "decode": decode}
    return [a_child(role, 2, revision=rev, ready=x, number=number) for role, x in ready.items()]


def services(rev: str, number: int | None = 0) -> list[Service]:
    return [a_service(role, revision=rev, number=number) for role in ("prefill", "decode")]


BOTH = [f"+0-{NEW}-prefill", f"+0-{NEW}-decode"]


def test_no_service_before_every_role_has_a_ready_group() -> None:
    assert plan(pair(NEW, 2, 0)) == []


def test_one_ready_group_of_each_is_enough() -> None:
    assert plan(pair(NEW, 1, 1)) == BOTH


def test_what_is_there_is_not_made_again() -> None:
    assert plan(pair(NEW, 2, 2), services(NEW)) == []


def test_services_of_a_revision_that_is_gone_go() -> None:
    assert plan(pair(NEW, 1, 1), services(OLD)) == [*BOTH, f"-0-{OLD}-prefill", f"-0-{OLD}-decode"]


def test_a_drained_legacy_revision_loses_its_services() -> None:
    gone = [f"-{OLD}-prefill", f"-{OLD}-decode"]
    assert plan(pair(NEW, 1, 1), services(OLD, number=None)) == [*BOTH, *gone]


def test_both_revisions_have_services_while_both_serve() -> None:
    children = [*pair(OLD, 1, 1), *pair(NEW, 1, 1)]
    assert plan(children, services(OLD)) == BOTH
    assert plan([*pair(OLD, 0, 1), *pair(NEW, 1, 1)], [*services(OLD), *services(NEW)]) == [
        f"-0-{OLD}-prefill",
        f"-0-{OLD}-decode",
    ]


def test_nothing_goes_while_the_new_revision_cannot_serve() -> None:
    assert plan([*pair(OLD, 0, 0), *pair(NEW, 1, 0)], services(OLD)) == []


def test_q8_a_role_at_0_does_not_block() -> None:
    ds = a_set(a_role("prefill", external=True), a_role("decode", 2))
    scalers = {"prefill": a_scaler("prefill", 0)}
    children = [a_child("prefill", 0, revision=revision(ds)), a_child("decode", 2, revision=revision(ds))]
    made = [f"+0-{revision(ds)}-prefill", f"+0-{revision(ds)}-decode"]
    assert plan(children, ds=ds, scalers=scalers) == made
    stale = [f"-0-{OLD}-prefill", f"-0-{OLD}-decode"]
    assert plan(children, services(OLD), ds=ds, scalers=scalers) == [*made, *stale]
    wakes = {"prefill": a_scaler("prefill", 1)}
    assert plan(children, services(OLD), ds=ds, scalers=wakes) == []


def test_a_set_at_0_gets_no_services_and_loses_stale_ones() -> None:
    ds = a_set(a_role("prefill", 0), a_role("decode", 0))
    children = [a_child(x, 0, revision=revision(ds)) for x in ("prefill", "decode")]
    assert plan(children, services(OLD), ds=ds) == [f"-0-{OLD}-prefill", f"-0-{OLD}-decode"]


def test_q13_a_role_that_is_added_cuts_nobody_off() -> None:
    ds = a_set(a_role("prefill", 2), a_role("decode", 2), a_role("encode", 2))
    new = [a_child(x, 2, revision=revision(ds), ready=1) for x in ("prefill", "decode", "encode")]
    made = [f"+0-{revision(ds)}-{x}" for x in ("prefill", "decode", "encode")]
    assert plan([*pair(OLD, 2, 2), *new], services(OLD), ds=ds) == made


@pytest.mark.parametrize(("ready", "kept"), [(1, True), (0, False)])
def test_of_a_revision_whose_roles_are_all_renamed_its_own_count(ready: int, kept: bool) -> None:
    ds = a_set(a_role("zeta", 2), a_role("eta", 2))
    new = [a_child(x, 2, revision=revision(ds)) for x in ("zeta", "eta")]
    gone = [x for x in plan([*pair(OLD, 2, ready), *new], services(OLD), ds=ds) if x.startswith("-")]
    assert (not gone) is kept


def test_a_foreign_service_is_left_alone() -> None:
    taken = (Taken("Service", f"llm-0-{NEW}-prefill-prv"),)
    assert plan(pair(NEW, 1, 1), taken=taken) == [f"+0-{NEW}-decode"]
