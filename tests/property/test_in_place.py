"""Groups that are updated in place, over the model of a cluster whose images change (beyond.md, 1.5.11).

The real reconcilers, their caches late, their calls lost, their process dying between any two of them and
the next one beginning with lists that are old; the StatefulSet controller sees labels late, too.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.apimodel.nodes import BAD
from support.in_place_world import Life, pods_of

from lws.api import constants as c

names = st.sampled_from("abcd")
shapes = st.fixed_dictionaries(
    {
        "replicas": st.integers(1, 4),
        "size": st.integers(1, 3),
        "max_unavailable": st.integers(1, 3),
        "restart": st.sampled_from((c.RESTART_NONE, c.RESTART_RECREATE_GROUP)),
    }
)
edits = st.lists(st.tuples(names, names, names), min_size=1, max_size=4)


@given(
    seed=st.integers(0, 2**32),
    delay=st.tuples(st.booleans(), st.sampled_from((0, 3, 10, 30, 100))),
    shape=shapes,
    history=edits,
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_no_pod_is_ever_replaced(
    seed: int,
    delay: tuple[bool, int],
    shape: dict[str, Any],
    history: list[tuple[str, str, str]],
    data: st.DataObject,
) -> None:
    """beyond.md, 1.5.11: whatever dies and comes late, every pod is still there, and never is more down than
    may be. So it is with a StatefulSet controller that is late by a roll and its undo.
    """
    late, lag = delay
    life = Life(seed, crash=0.03, fail=0.03, lag=lag, late=late, **shape, template=pods_of("a", "a", "a"))
    before, life.faults = life.uids(), True
    for images in history:
        life.edit(**shape, template=pods_of(*images))
        life.go_on(data.draw(st.integers(0, 300)))
        assert life.most_down <= shape["max_unavailable"]
    life.settle()
    life.assert_whole()
    assert life.uids() == before
    assert life.most_down <= shape["max_unavailable"]
    life.assert_at_rest()


@given(
    seed=st.integers(0, 2**32),
    shape=shapes,
    history=st.lists(
        st.tuples(
            st.sampled_from(("a", "b", "c", BAD)),
            st.sampled_from(("a", "b", BAD)),
            st.sampled_from(("", "", "1")),
            st.sampled_from((c.POD_UPDATE_IN_PLACE, c.POD_UPDATE_IN_PLACE, c.POD_UPDATE_RECREATE)),
            st.integers(0, 2),
        ),
        max_size=4,
    ),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_any_history_ends_whole(
    seed: int, shape: dict[str, Any], history: list[tuple[str, str, str, str, int]], data: st.DataObject
) -> None:
    """Bad images, other edits, policies and partitions, pods that die, kubelets that are away.

    At the end the set is what it says.
    """
    life = Life(seed, crash=0.02, fail=0.02, lag=10, **shape, template=pods_of("a", "a", "a"))
    life.faults = True
    for leader, worker, env, policy, partition in history:
        template = pods_of(leader, worker, "a", env=env)
        life.cluster.nodes.away = data.draw(st.booleans())
        life.edit(**shape, template=template, policy=policy, partition=partition)
        life.go_on(data.draw(st.integers(0, 200)))
        if life.pods and data.draw(st.booleans()):
            life.cluster.delete(life.random.choice(life.pods), force=data.draw(st.booleans()))
        life.go_on(data.draw(st.integers(0, 200)))
    life.cluster.nodes.away = False
    life.edit(**shape, template=pods_of("a", "b", "a"))
    life.settle()
    life.assert_whole()
    life.assert_at_rest()
