"""How fast a role may change (section 9), and what of it its child is given (decision 170, Q-12)."""

from __future__ import annotations

from lws.api.disaggregatedset import RoleSpec
from lws.api.intorpercent import scalable_percent, share
from lws.api.leaderworkerset import IntOrString, RollingUpdateConfiguration
from lws.planning.disaggregated.planner import Pace


def pace_of(spec: RoleSpec, target: int) -> Pace:
    """Shares are of ``target``, groups of one slice. Who may neither surge nor shrink surges by one."""
    rolling = spec.rolling_update
    if rolling is None:
        return Pace()
    surge, unavailable = _surge(rolling, target), _unavailable(rolling, target)
    return Pace(surge, unavailable) if surge > 0 or unavailable > 0 else Pace()


def child_unavailable(rolling: RollingUpdateConfiguration | None, target: int) -> int | None:
    """``maxUnavailable`` that a child must have instead of the user's; None: the user's will do.

    The child's admission refuses numbers that come to nothing at its *present* size, which a rollout takes
    through every size: without surge, 25% are nothing of 3 groups. Its own template never changes, so what
    the number is matters to nobody.
    """
    if rolling is None or _surge(rolling, 1) > 0 or _unavailable(rolling, 1) > 0:
        return None
    return max(1, _unavailable(rolling, target))


def _surge(rolling: RollingUpdateConfiguration, total: int) -> int:
    return _scaled(0 if rolling.max_surge is None else rolling.max_surge, total, round_up=True)


def _unavailable(rolling: RollingUpdateConfiguration, total: int) -> int:
    return _scaled(1 if rolling.max_unavailable is None else rolling.max_unavailable, total, round_up=False)


def _scaled(value: IntOrString, total: int, *, round_up: bool) -> int:
    """A string that is no share counts as 0, as upstream; admission refuses it."""
    if isinstance(value, int):
        return value
    percent = scalable_percent(value)
    return 0 if percent is None else share(percent, total, round_up=round_up)
