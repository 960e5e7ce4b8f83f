"""Whether a pod asks for TPUs: quantities, not truthiness (api.md, 5.6)."""

from __future__ import annotations

import msgspec
import pytest

from lws.api.workloads import Pod
from lws.planning.accelerators import requests_tpus


def _pod(*containers: dict, init: tuple[dict, ...] = ()) -> Pod:
    spec = {
        "containers": [{"name": "c", "resources": x} for x in containers],
        "initContainers": [{"name": "i", "resources": x} for x in init],
    }
    return msgspec.json.decode(msgspec.json.encode({"spec": spec}), type=Pod)


def _tpu(quantity: str | float) -> dict:
    return {"google.com/tpu": quantity}


@pytest.mark.parametrize(
    ("quantity", "asks"),
    [
        ("4", True),
        (4, True),
        ("500m", True),
        ("0.5", True),
        (".5", True),
        ("1e-1", True),
        ("+1", True),
        ("0", False),
        (0, False),
        (0.0, False),
        ("0m", False),
        ("0.0", False),
        ("-0", False),
        ("0e5", False),
        ("00Gi", False),
        ("0.", False),
    ],
)
def test_quantity(quantity: str | float, asks: bool) -> None:
    assert requests_tpus(_pod({"limits": _tpu(quantity)})) is asks
    assert requests_tpus(_pod({"requests": _tpu(quantity)})) is asks


@pytest.mark.parametrize(
    ("pod", "asks"),
    [
        pytest.param(_pod({"limits": _tpu("0"), "requests": _tpu("1")}), True, id="zero-limit-falls-through"),
        pytest.param(_pod({"limits": _tpu("1"), "requests": _tpu("0")}), True, id="limit-decides"),
        pytest.param(_pod({}, {"limits": _tpu("1")}), True, id="second-container"),
        pytest.param(_pod({}, init=({"requests": _tpu("1")},)), True, id="init-only"),
        pytest.param(_pod({"limits": {"nvidia.com/gpu": "8"}}), False, id="another-accelerator"),
        pytest.param(Pod(), False, id="empty"),
    ],
)
def test_pod(pod: Pod, asks: bool) -> None:
    assert requests_tpus(pod) is asks
