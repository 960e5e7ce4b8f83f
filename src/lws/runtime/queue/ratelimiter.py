"""How soon one item may be retried.

The numbers are controller-runtime's and client-go's (``default_rate_limiters.go``). No queue here.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

_MAX_EXPONENT = 1000  # 2.0 ** 1024 overflows a float; every cap is reached long before


class ItemExponentialBackoff:
    """Per-item delay of ``base * 2**failures`` seconds, at most ``cap``. Thread-safe.

    An item takes memory from its first ``when`` until ``forget``.
    """

    def __init__(self, base: float = 0.005, cap: float = 1000.0) -> None:
        self._base, self._cap = base, cap
        self._lock = threading.Lock()
        self._failures: dict[Hashable, int] = {}

    def when(self, item: Hashable) -> float:
        """The delay before the item's next try; counts one more failure."""
        with self._lock:
            failures = self._failures.get(item, 0)
            self._failures[item] = failures + 1
        return float(min(self._base * 2.0 ** min(failures, _MAX_EXPONENT), self._cap))

    def forget(self, item: Hashable) -> None:
        """The item succeeded, or is given up: its next failure is the first again."""
        if item in self._failures:  # nearly always not: a success after a success takes no lock
            with self._lock:
                self._failures.pop(item, None)

    def retries(self, item: Hashable) -> int:
        """Failures since the last ``forget``."""
        return self._failures.get(item, 0)

    def __len__(self) -> int:
        """Items with failures on record."""
        return len(self._failures)
