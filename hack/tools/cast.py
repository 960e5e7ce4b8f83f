"""``python -m hack.tools.cast``: records the demo's own tips in a terminal, for README.

Writes ``docs/pictures/demo.cast`` (asciinema v2, for any player) and ``demo.svg`` beside it. What is recorded
is a real run of ``hack/demo``: its tips are typed one after the other, and kept with what they print.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from typing import Final

from hack.controlplane.layout import ROOT
from hack.tools.castsvg import CLEAR, PROMPT, svg

PICTURES: Final = ROOT / "docs" / "pictures"
TITLE: Final = "kubectl lws on the demo's cluster: tree, restart, status, why, undo"
COLUMNS, ROWS = 112, 36
SHOWN: Final = ("lws tree", "lws restart", "lws status", "patch lws/vllm", "lws why", "lws undo")
TYPING = 0.03  # seconds a character
BEFORE = {"lws why": 4.0}  # seconds: what a set waits for is there by then; a roll is not waited for


def main() -> int:
    cast = record()
    (PICTURES / "demo.cast").write_text(cast)
    (PICTURES / "demo.svg").write_text(svg(cast, TITLE))
    return 0


def record() -> str:
    """The recording, as text: a header and a line for each piece of output."""
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": TITLE, "env": {"TERM": "xterm"}}
    with subprocess.Popen(
        [ROOT / "hack" / "demo"], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as demo:
        try:
            assert demo.stdout
            export, *commands = tips(demo.stdout)
            wanted = [x for x in commands if any(part in x for part in SHOWN)]
            events = list(played(export, wanted))
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.communicate()
    return "".join(f"{json.dumps(line)}\n" for line in (header, *events))


def tips(said: Iterator[str]) -> list[str]:
    """The lines of the demo that can be pasted, without their remarks."""
    found = []
    for line in said:
        if re.match(r"  (export|kubectl) ", line):
            found.append(re.sub(r"\s+#.*", "", line.strip()))
        if line.startswith("The controller's log: "):
            return found
    raise SystemExit("the demo ended before it was up")


def played(export: str, commands: list[str]) -> Iterator[tuple[float, str, str]]:
    """Each command typed on a clear screen, and what it prints, with the seconds since the start."""
    now = 0.0
    for command in commands:
        time.sleep(next((wait for part, wait in BEFORE.items() if part in command), 0.0))
        yield (round(now, 3), "o", f"{CLEAR}{PROMPT}")
        for character in command:
            now += TYPING
            yield (round(now, 3), "o", character)
        yield (round(now, 3), "o", "\r\n")
        began = time.monotonic()
        for data in output(f"{export}\n{command}"):
            yield (round(now + time.monotonic() - began, 3), "o", data)
        now += time.monotonic() - began


def output(script: str) -> Iterator[str]:
    """What a shell prints that runs this in a terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execlp("bash", "bash", "-c", script)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    while select.select([terminal], [], []):
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the last one has closed it
            break
        if not data:
            break
        yield data.decode()
    os.close(terminal)
    os.waitpid(child, 0)


if __name__ == "__main__":
    sys.exit(main())
