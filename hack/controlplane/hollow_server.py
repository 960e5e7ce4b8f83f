"""What kubelets answer to ``kubectl logs``, ``exec``, ``attach`` and ``port-forward``: a sentence.

Nothing runs that could say more. One server stands for all nodes, and each names it in its status
(``hollow_nodes``).
"""

from __future__ import annotations

import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

ADDRESS: Final = "127.0.0.1"
SENTENCE: Final = "this pod has no containers: the node is hollow"
LOGS: Final = "/containerLogs/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        """Logs are the sentence; whoever wants a stream is refused with it, which kubectl shows."""
        status = HTTPStatus.OK if self.path.startswith(LOGS) else HTTPStatus.NOT_IMPLEMENTED
        body = f"{SENTENCE}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815 - the base class calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """The API server's audit log has each of these requests."""


class HollowServer:
    """Listens from its creation on; ``start`` and ``stop`` once each."""

    def __init__(self, certificate: str, key: str) -> None:
        self._server = ThreadingHTTPServer((ADDRESS, 0), _Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="kubelet-server", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
