"""What an informer costs: CPU per watch event, CPU and stalls of the initial sync, memory per cached pod.

    python -m hack.bench.informer --pods 3000

A scripted API server runs in a process of its own and speaks over a real socket; only this process, the
client, is measured, in CPU time, so that other load on the machine matters little. Every figure is the best
of ``--rounds``; the last column says whether it meets the target of the design.
"""

from __future__ import annotations

import argparse
import gc
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from hack.bench.podserver import PREFIX, compact, fake_cluster, pod
from lws.api.workloads import Pod
from lws.kube.connection import Connection
from lws.kube.resources import PODS
from lws.runtime import logs
from lws.runtime.informers import Cache, Informer, Selection

TIMEOUT = 120.0  # seconds for anything


def _indexes() -> dict[str, Callable[[Pod], list[Any]]]:
    """The indexes the controllers keep: by owner, by set, by group."""

    def by_set(found: Pod) -> tuple[str, str]:
        return found.namespace, found.labels.get(f"{PREFIX}name", "")

    return {
        "owner": lambda found: [reference.uid for reference in found.metadata.owner_references],
        "set": lambda found: [by_set(found)],
        "group": lambda found: [(*by_set(found), found.labels.get(f"{PREFIX}group-index", ""))],
    }


class _Counter:
    """A handler that counts, and knows when enough has come."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.done = threading.Event()

    def on_add(self, obj: Pod, *, initial: bool) -> None: ...

    def on_update(self, old: Pod, new: Pod) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()

    def on_delete(self, obj: Pod) -> None: ...


class _Ticker(threading.Thread):
    """Another thread that wants to run every millisecond, as a webhook's would; how late it ever was."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stall = 0.0
        self._stop_it = threading.Event()

    def run(self) -> None:
        while not self._stop_it.is_set():
            began = time.perf_counter()
            time.sleep(0.001)
            self.stall = max(self.stall, time.perf_counter() - began - 0.001)

    def finish(self) -> float:
        self._stop_it.set()
        self.join()
        return self.stall


def synced(connection: Connection) -> tuple[Cache, Informer[Pod]]:
    cache = Cache(connection)
    informer = cache.informer(Selection(PODS, label_selector=f"{PREFIX}name"), Pod, indexes=_indexes())
    cache.start()
    if not cache.wait_for_sync(TIMEOUT):
        raise SystemExit("no sync")
    return cache, informer


def sync(pods: int, *, streaming: bool) -> tuple[float, float]:
    """CPU seconds of an initial sync, and the longest stall of another thread in a second one."""
    with fake_cluster(pods, streaming=streaming) as (connection, _):
        began = time.process_time()
        cache, informer = synced(connection)
        cpu = time.process_time() - began
        assert len(informer.indexer) == pods
        cache.stop()
    with fake_cluster(pods, streaming=streaming) as (connection, _):
        ticker = _Ticker()
        ticker.start()
        cache, _ = synced(connection)
        stall = ticker.finish()
        cache.stop()
    return cpu, stall


def events(pods: int, number: int) -> float:
    """Events per CPU second, from the socket through the index to a handler."""
    with fake_cluster(pods, streaming=True) as (connection, send):
        cache, informer = synced(connection)
        counter = _Counter(number)
        informer.add_handler(counter)
        began = time.process_time()
        send(number)
        if not counter.done.wait(TIMEOUT):
            raise SystemExit("events are missing")
        spent = time.process_time() - began
        cache.stop()
    return number / spent


def memory(pods: int) -> tuple[float, float]:
    """Bytes per cached pod, indexes and pools included, and the peak of the sync in MB."""
    with fake_cluster(pods, streaming=True) as (connection, _):
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        cache, _ = synced(connection)
        after, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        cache.stop()
    return (after - before) / pods, (peak - before) / 1e6


def report(pods: int, number: int, rounds: int) -> None:
    logs.configure(format="console", level="error")
    size = len(compact(pod(1)))
    share = len(compact(pod(1)["metadata"]["managedFields"])) / size
    print(f"{pods} pods of {size} bytes ({share:.0%} managedFields), {number} events, best of {rounds}")
    streamed = [sync(pods, streaming=True) for _ in range(rounds)]
    listed = [sync(pods, streaming=False) for _ in range(rounds)]
    rate = max(events(pods, number) for _ in range(rounds))
    per_pod, peak = memory(pods)
    scale = pods / 3000
    rows = [
        ("events per CPU second", f"{rate:,.0f}", ">= 8,000", rate >= 8000),
        ("KB per cached pod", f"{per_pod / 1e3:.2f}", "<= 2", per_pod <= 2000),
        ("peak of the sync, MB", f"{peak:.1f}", "<= 100", peak <= 100 * scale),
    ]
    for name, results in (("WatchList", streamed), ("LIST", listed)):
        cpu, stall = min(r[0] for r in results), min(r[1] for r in results)
        rows.append((f"initial sync by {name}, CPU s", f"{cpu:.3f}", "<= 0.5", cpu <= 0.5 * scale))
        rows.append((f"longest stall in it, ms ({name})", f"{stall * 1e3:.1f}", "<= 30", stall <= 0.03))
    for name, value, target, met in rows:
        print(f"{name:<34}{value:>10}   {target:<9} {'met' if met else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.informer", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--events", type=int, default=12000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    report(options.pods, options.events, options.rounds)


if __name__ == "__main__":
    main()
