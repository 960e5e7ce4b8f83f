"""How long an admission request waits while thousands of pods are being taken in by the informers.

    python -m hack.bench.admission --pods 3000

This process serves the webhooks over TLS and then syncs an informer; another process plays the API server
and sends one pod review after the other on a kept connection. Reported is the longest wait during the sync,
against the longest one at rest.
"""

from __future__ import annotations

import argparse
import json
import ssl
import subprocess
import sys
import tempfile
import time
from http.client import HTTPSConnection
from pathlib import Path

from hack.bench.informer import synced
from hack.bench.podserver import compact, fake_cluster, pod
from lws.app import MUTATE_POD, webhooks
from lws.runtime import logs
from lws.runtime.serving import HttpServer
from lws.webhooks.certificates import LOCAL, CertificateStore, ServingCertificate
from lws.webhooks.server import WebhookApp

TARGET_MS = 30.0
REST = 2.0  # seconds of load before and after the sync


def review() -> bytes:
    """An AdmissionReview of a worker pod that has not been mutated yet."""
    request = {"uid": "u", "operation": "CREATE", "namespace": "default", "object": pod(1)}
    return compact({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})


def load(port: int) -> None:
    """Send reviews until standard input ends; print [when, waited] of each, in seconds of this machine."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = HTTPSConnection("127.0.0.1", port, context=context)
    body, waits = review(), []
    done = time.monotonic() + float(sys.stdin.readline())
    while time.monotonic() < done:
        began = time.monotonic()
        connection.request("POST", MUTATE_POD, body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        assert answer["response"]["allowed"], answer
        waits.append((began, time.monotonic() - began))
        time.sleep(0.002)
    print(json.dumps(waits))


def measure(pods: int, directory: Path) -> tuple[float, float, float]:
    """Longest wait at rest and during the sync, and how long the sync took, in ms."""
    store = CertificateStore(directory, LOCAL)
    store.renew()
    serving = ServingCertificate(store.certificate_path, store.key_path)
    serving.start()
    app = WebhookApp(webhooks(None))
    server = HttpServer(
        app, host="127.0.0.1", port=0, ssl_context=serving.context, threads=10, name="webhooks"
    )
    server.start()
    command = [sys.executable, "-m", "hack.bench.admission", "--load", str(server.port)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client,
        fake_cluster(pods, streaming=True) as (connection, _),
    ):
        assert client.stdin is not None
        client.stdin.write(f"{2 * REST + 2}\n")
        client.stdin.flush()
        time.sleep(REST)
        began = time.monotonic()
        cache, _ = synced(connection)
        ended = time.monotonic()
        waits = json.loads(client.communicate()[0])
        cache.stop()
    server.stop()
    serving.stop()
    busy = [waited for when, waited in waits if began <= when + waited and when <= ended]
    rest = [waited for when, waited in waits if when + waited < began]
    return 1000 * max(rest), 1000 * max(busy), 1000 * (ended - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        load(options.load)
        return
    logs.configure(format="console", level="error")
    with tempfile.TemporaryDirectory() as directory:
        rounds = [measure(options.pods, Path(directory)) for _ in range(options.rounds)]
    rest, busy, took = min(rounds, key=lambda one: one[1])
    verdict = "met" if busy <= TARGET_MS else "MISSED"
    print(f"longest wait at rest               {rest:8.1f} ms")
    print(f"longest wait while {options.pods} pods sync   {busy:8.1f} ms   <= {TARGET_MS:.0f}   {verdict}")
    print(f"the sync                           {took:8.1f} ms")


if __name__ == "__main__":
    main()
