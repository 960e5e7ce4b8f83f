"""Numbers that are either a count or a share, such as ``2`` or ``"25%"`` (api.md, 1.7).

Arithmetic only, exact in integers. Which numbers a field allows is decided by those who read it.
"""

from __future__ import annotations

import re
from typing import Final

_PERCENT: Final = re.compile(r"[0-9]+%")
_SCALABLE: Final = re.compile(r"([+-]?[0-9]+)%")
_INT64_DIGITS: Final = 19


def is_percent(text: str) -> bool:
    """Whether ``text`` is a valid share: ASCII digits and one ``%``, nothing else."""
    return _PERCENT.fullmatch(text) is not None


def scalable_percent(text: str) -> int | None:
    """The percentage of anything upstream would scale: also ``-5%`` and ``+5%``, which are no valid shares.

    None for other text, and for numbers that 64 bits cannot hold.
    """
    match = _SCALABLE.fullmatch(text)
    # Zeros in front come off first: int() refuses more than 4,300 digits, zeros or not.
    digits = match[1].lstrip("+-0") or "0" if match else None
    if digits is None or len(digits) > _INT64_DIGITS:
        return None
    percent = -int(digits) if text.startswith("-") else int(digits)
    return percent if -(2**63) <= percent < 2**63 else None


def share(percent: int, total: int, *, round_up: bool) -> int:
    """``percent`` of ``total``, as floor or ceiling; of negative products, too."""
    product = percent * total
    return -(-product // 100) if round_up else product // 100


def scaled(value: int | str, total: int, *, round_up: bool, field: str) -> int:
    """``value`` itself when it is a count, else that share of ``total``.

    Raises ValueError, naming ``field``, when ``value`` is negative, too large, or no valid share.
    """
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"{field}: {value} is negative")
        if value >= 2**31:
            raise ValueError(f"{field}: {value} is too large")
        return value
    percent = scalable_percent(value) if is_percent(value) else None
    if percent is None:
        raise ValueError(f'{field}: {value!r} is neither a number nor a percentage such as "25%"')
    return share(percent, total, round_up=round_up)
