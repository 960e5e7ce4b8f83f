"""What the page may have done: the commands of ``kubectl lws``, with the user's rights."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from lws.cli import restart
from lws.cli.acts import ACTS
from lws.cli.dashboard.offers import RESTART
from lws.cli.disaggregated import restart as roles_restart
from lws.cli.editing import ActionView
from lws.cli.session import Session


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """``group``: this one only, of a LeaderWorkerSet; ``role``: this one only, of a DisaggregatedSet."""

    action: Literal["pause", "resume", "restart", "undo"]
    kind: Literal["lws", "ds"]
    namespace: str
    name: str
    group: int | None = None
    role: str = ""


def read_order(body: bytes) -> Order:
    """Raises ValueError for what is none."""
    order = msgspec.json.decode(body, type=Order)
    of_group, of_role = order.group is not None, bool(order.role)
    wrong = order.action != RESTART or (order.kind == "ds" if of_group else order.kind == "lws")
    if (of_group and of_role) or ((of_group or of_role) and wrong):
        raise ValueError("only the restart of a set can be one of a group, or of a role")
    return order


def carry_out(session: Session, order: Order) -> ActionView:
    """Raises CommandError and KubeError."""
    here: Any = session._replace(namespace=order.namespace)
    if order.group is not None:
        return restart.recreate(here, order.name, [order.group])
    if order.role:
        return roles_restart.roll_roles(here, order.name, [order.role])
    return ACTS[order.kind, order.action](here, order.name)
