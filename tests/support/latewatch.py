"""A proxy between kube-controller-manager and the API server: what a watch of pods says is handed on late.

All else passes at once, so its other watches are ahead of that one. Plain HTTP on loopback; a request without
a token is made as the cluster's administrator.
"""

from __future__ import annotations

import http.client
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue

from hack.controlplane.layout import APISERVER, CONTROLLER_MANAGER, kubeconfig
from support.cluster import Cluster

HOST = "127.0.0.1"
PODS = re.compile(r"^/api/v1/pods\?.*\bwatch=(true|1)\b")
OF_ONE_HOP = ("host", "connection", "transfer-encoding", "keep-alive")
CHUNK = 65536


@contextmanager
def late_watch_of_pods(cluster: Cluster, seconds: float) -> Iterator[None]:
    """kube-controller-manager is started anew behind the proxy, and without it in the end."""
    handler = partial(_Handler, cluster.directory / "pki", cluster.settings.ports[APISERVER], seconds)
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = kubeconfig(cluster.directory, CONTROLLER_MANAGER)
        before = file.read_text()
        try:
            _restart(
                cluster, file, re.sub(r"server: \S+", f"server: http://{HOST}:{server.server_port}", before)
            )
            yield
        finally:
            _restart(cluster, file, before)
            server.shutdown()


def _restart(cluster: Cluster, file: Path, text: str) -> None:
    cluster.stop(CONTROLLER_MANAGER)
    file.write_text(text)
    cluster.start(CONTROLLER_MANAGER)


class _Handler(BaseHTTPRequestHandler):
    """One connection of the client's, and one to the server for each request on it."""

    protocol_version = "HTTP/1.1"

    def __init__(self, pki: Path, port: int, late: float, *args: object) -> None:
        self._pki, self._port, self._late = pki, port, late
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: x for name, x in self.headers.items() if name.lower() not in OF_ONE_HOP}
        server = http.client.HTTPSConnection(
            HOST, self._port, context=self._context("Authorization" in headers)
        )
        try:
            server.request(self.command, self.path, body or None, headers)
            self._answer(server.getresponse())
        except OSError:  # either side has gone
            self.close_connection = True
        finally:
            server.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815

    def _context(self, token: bool) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
        if not token:
            context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        return context

    def _answer(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in (*OF_ONE_HOP, "content-length"):
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        late = self._late if PODS.match(self.path) else 0.0
        for due, portion in read_ahead(answer) if late else ((0.0, x) for x in portions(answer)):
            time.sleep(max(0.0, due + late - time.monotonic()))
            self.wfile.write(b"%x\r\n%b\r\n" % (len(portion), portion))
        self.wfile.write(b"0\r\n\r\n")


def portions(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while portion := answer.read1(CHUNK):
        yield portion


def read_ahead(answer: http.client.HTTPResponse) -> Iterator[tuple[float, bytes]]:
    """Each portion with the moment at which it came, whenever it is taken: all are late by as much."""
    came: SimpleQueue[tuple[float, bytes]] = SimpleQueue()

    def read() -> None:
        with suppress(OSError, http.client.HTTPException, ValueError, AttributeError):  # closed meanwhile
            for portion in portions(answer):
                came.put((time.monotonic(), portion))
        came.put((0.0, b""))

    threading.Thread(target=read, daemon=True).start()
    while (found := came.get())[1]:
        yield found
