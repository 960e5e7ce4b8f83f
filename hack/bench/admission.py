"""How long an admission request waits while the process has other things to do.

    python -m hack.bench.admission --pods 3000
    python -m hack.bench.admission --hostile 1000 [--rate 1000]

This process serves the webhooks over TLS and then syncs an informer of thousands of pods; or it is besieged
by a thousand hostile clients at its webhooks and as many at its health endpoints (``hack.bench.hostile``).
Another process plays the API server and sends pod reviews at a steady rate on a kept connection, every
twentieth on a new one, and asks for liveness as the kubelet does.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from hack.bench.asking import Ports, Waits, asking, percentiles
from hack.bench.informer import synced
from hack.bench.podserver import fake_cluster
from lws.runtime import logs
from lws.runtime.serving import Checks, HttpServer, Limits, health_app, raise_open_files
from lws.webhooks.certificates import LOCAL, CertificateStore, ServingCertificate
from lws.webhooks.paths import webhooks
from lws.webhooks.server import MAX_BODY, WebhookApp

TARGET_SYNC_MS: Final = 30.0  # longest wait on the kept connection
TARGETS_HOSTILE_MS: Final = {200: 10.0, 1000: 25.0}  # p99 of each, by reviews a second
REST: Final = 2.0  # seconds of load before and after the sync
SIEGE: Final = 20.0  # seconds of load while besieged


@contextmanager
def serving(directory: Path) -> Iterator[Ports]:
    """Webhooks and health endpoints, as the manager has them."""
    store = CertificateStore(directory, LOCAL)
    store.renew()
    certificate = ServingCertificate(store.certificate_path, store.key_path)
    certificate.start()
    admission = HttpServer(
        WebhookApp(webhooks(None)),
        host="127.0.0.1",
        port=0,
        ssl_context=certificate.context,
        threads=10,
        name="webhooks",
        limits=Limits(body=MAX_BODY),
    )
    health = HttpServer(
        health_app({"/healthz": Checks("healthz")}), host="127.0.0.1", port=0, threads=2, name="health"
    )
    with ExitStack() as stack:
        stack.callback(certificate.stop)
        for server in (admission, health):
            server.start()
            stack.callback(server.stop)
        gc.collect()
        gc.freeze()  # as the manager does once its caches are there: later passes are short
        yield Ports(admission.port, health.port)


@contextmanager
def besieged(port: int, count: int, *options: str) -> Iterator[None]:
    """By clients at the lowest priority: their computing is not this machine's in real life."""
    command = ["nice", "-n", "19", sys.executable, "-m", "hack.bench.hostile", "--port", str(port)]
    command += ["--count", str(count), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
        assert clients.stdin is not None
        assert clients.stdout is not None
        assert clients.stdout.readline() == "open\n"
        yield
        clients.stdin.close()


def sync(pods: int) -> tuple[float, float, float]:
    """Longest wait at rest and during the sync, and how long the sync took, in ms."""
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(Path(directory)) as ports,
        asking(ports, 2 * REST + 2) as asked,
        fake_cluster(pods, streaming=True) as (connection, _),
    ):
        time.sleep(REST)
        began = time.monotonic()
        cache, _ = synced(connection)
        ended = time.monotonic()
        waits = asked()["kept"]
        cache.stop()
    busy = [waited for when, waited in waits if began <= when + waited and when <= ended]
    rest = [waited for when, waited in waits if when + waited < began]
    return 1000 * max(rest), 1000 * max(busy), 1000 * (ended - began)


def siege(count: int, rate: int) -> None:
    """Print how long each kind waits, undisturbed and besieged."""
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as ports:
        with asking(ports, SIEGE / 2, rate=rate) as asked:
            report("undisturbed", asked(), rate)
        with (
            besieged(ports.webhooks, count, "--tls"),
            besieged(ports.health, count),
            asking(ports, SIEGE, rate=rate) as asked,
        ):
            report(f"{count} hostile clients at each port", asked(), rate)


def report(title: str, waits: Waits, rate: int) -> None:
    seconds = max(when for when, _ in waits["kept"]) - min(when for when, _ in waits["kept"])
    print(f"{title}, {len(waits['kept']) / seconds:.0f} reviews a second")
    target = TARGETS_HOSTILE_MS[rate]
    for kind, (p50, p99, longest) in percentiles(waits).items():
        verdict = "met" if p99 <= target else "MISSED"
        figures = f"p50 {p50:6.1f}   p99 {p99:6.1f}   longest {longest:6.1f} ms"
        print(f"  {kind:10} {figures}   p99 <= {target:.0f}   {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.admission", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hostile", type=int, default=0, metavar="CLIENTS")
    parser.add_argument("--rate", type=int, choices=TARGETS_HOSTILE_MS, default=200, help="reviews a second")
    options = parser.parse_args()
    logs.configure(format="console", level="error")
    raise_open_files()
    if options.hostile:
        siege(options.hostile, options.rate)
        return
    rest, busy, took = min((sync(options.pods) for _ in range(options.rounds)), key=lambda one: one[1])
    verdict = "met" if busy <= TARGET_SYNC_MS else "MISSED"
    print(f"longest wait at rest               {rest:8.1f} ms")
    print(
        f"longest wait while {options.pods} pods sync   {busy:8.1f} ms   <= {TARGET_SYNC_MS:.0f}   {verdict}"
    )
    print(f"the sync                           {took:8.1f} ms")


if __name__ == "__main__":
    main()
