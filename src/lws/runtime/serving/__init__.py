"""What others ask of this process over HTTP: the server, health endpoints, and who may scrape the metrics.

What an admission webhook answers may not live here, nor which metrics there are (``runtime.metrics``).
"""

from __future__ import annotations

from lws.runtime.serving.authfilter import ACCESS_REVIEWS, TOKEN_REVIEWS, AuthFilter
from lws.runtime.serving.exchange import Feed, WsgiApp
from lws.runtime.serving.health import Check, Checks, Remembered, health_app, metrics_app
from lws.runtime.serving.limits import Limits, raise_open_files
from lws.runtime.serving.server import HttpServer

__all__ = [
    "ACCESS_REVIEWS",
    "TOKEN_REVIEWS",
    "AuthFilter",
    "Check",
    "Checks",
    "Feed",
    "HttpServer",
    "Limits",
    "Remembered",
    "WsgiApp",
    "health_app",
    "metrics_app",
    "raise_open_files",
]
