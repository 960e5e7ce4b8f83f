"""Types are worked out before threads use them."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import textwrap

import msgspec
import pytest

import lws
from lws.objects import _subclasses, prepare_types
from lws.planning.actions import Delete

# Types that nobody has decoded yet, and four threads that decode each for the first time at once. Without
# prepare_types msgspec 0.22 ends this process by a signal, within the first tries.
FIRST_USES = textwrap.dedent(
    """
    import sys, threading
    import msgspec
    from lws.kube.client import Client
    from lws.kube.resources import PODS
    from lws.objects import prepare_types

    sys.setswitchinterval(1e-6)
    BODY = b'{"x": {"a": 1}, "y": [{"b": "s"}], "z": {"q": {}}, "w": "t", "v": 3}'

    def fresh(number):
        inner = msgspec.defstruct(f"Inner{number}", [("a", int, 0), ("b", str, "")])
        nested = [("x", inner), ("y", tuple[inner, ...]), ("z", dict[str, inner])]
        return msgspec.defstruct(f"Outer{number}", [*nested, ("w", str), ("v", int | str)])

    class Answers:
        def request(self, *_arguments, **_options):
            return b'{"items": [' + BODY + b"]}"

    def use(type_, barrier):
        barrier.wait()
        if sys.argv[2] == "decode":
            msgspec.json.decode(BODY, type=type_)
        else:
            Client(Answers()).list(PODS, type_)

    types = [fresh(number) for number in range(int(sys.argv[1]))]
    prepare_types()
    for type_ in types:
        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=use, args=(type_, barrier)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    """
)


@pytest.mark.parametrize("use", ["decode", "list"])
def test_threads_may_be_the_first_to_decode_a_type_that_was_prepared(use: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_USES, "500", use],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_type_has_parameters() -> None:
    """Each ``Pages[Pod]`` would be a type of its own that ``prepare_types`` cannot know of."""
    for module in pkgutil.walk_packages(lws.__path__, "lws."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    generic = [type_ for type_ in _subclasses(msgspec.Struct) if getattr(type_, "__parameters__", ())]
    assert [type_ for type_ in generic if type_.__module__.startswith("lws.")] == []


def test_types_that_cannot_be_decoded_are_passed_over() -> None:
    with pytest.raises(TypeError):
        msgspec.json.Decoder(Delete)
    prepare_types()
