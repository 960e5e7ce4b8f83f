"""Types are worked out before threads use them."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import msgspec
import pytest

from lws.objects import prepare_types
from lws.planning.actions import Delete

# Types that nobody has decoded yet, and four threads that decode each for the first time at once. Without
# prepare_types msgspec 0.22 ends this process by a signal, within the first tries.
FIRST_USES = textwrap.dedent(
    """
    import sys, threading
    import msgspec
    from lws.objects import prepare_types

    sys.setswitchinterval(1e-6)
    BODY = b'{"x": {"a": 1}, "y": [{"b": "s"}], "z": {"q": {}}, "w": "t", "v": 3}'

    def fresh(number):
        inner = msgspec.defstruct(f"Inner{number}", [("a", int, 0), ("b", str, "")])
        nested = [("x", inner), ("y", tuple[inner, ...]), ("z", dict[str, inner])]
        return msgspec.defstruct(f"Outer{number}", [*nested, ("w", str), ("v", int | str)])

    def use(type_, barrier):
        barrier.wait()
        msgspec.json.decode(BODY, type=type_)

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


def test_threads_may_be_the_first_to_decode_a_type_that_was_prepared() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_USES, "500"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_types_that_cannot_be_decoded_are_passed_over() -> None:
    with pytest.raises(TypeError):
        msgspec.json.Decoder(Delete)
    prepare_types()
