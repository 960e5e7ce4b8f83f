"""The cluster of a benchmark, and the controller that is measured on it: ours, or another in its place.

Another one is a command that brings its CRDs and its webhooks, prints a line that begins with ``ready`` once
it works, and stays in the foreground until SIGTERM. What is done with them may not be known here.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from hack.bench.asking import Ports
from hack.bench.process import Usage, usage

HACK: Final = Path(__file__).resolve().parent.parent
KUBECONFIG: Final = "{kubeconfig}"


class Contender(NamedTuple):
    """A controller.

    ``command``: with a place for the kubeconfig; ``agent``: how its user agent begins; ``name``: in results.
    """

    command: tuple[str, ...] = (str(HACK / "run"), "--kubeconfig", KUBECONFIG)
    agent: str = "lws/"
    name: str = "ours"


OURS: Final = Contender()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--controller``, ``--user-agent`` and ``--name``; see :func:`chosen`."""
    parser.add_argument(
        "--controller",
        metavar="CMD",
        help=f"measure this one instead of ours; {KUBECONFIG} stands for the file",
    )
    parser.add_argument("--user-agent", metavar="UA", help="how the user agent of its requests begins")
    parser.add_argument("--name", help="what results call it, if not by its user agent")


def chosen(options: argparse.Namespace) -> Contender:
    """Which one the options name; SystemExit when they name half of one."""
    if bool(options.controller) != bool(options.user_agent):
        raise SystemExit("--controller and --user-agent go together: requests are counted by user agent")
    if not options.controller:
        return OURS
    agent: str = options.user_agent
    return Contender(tuple(shlex.split(options.controller)), agent, options.name or agent.rstrip("/"))


class Manager:
    """The controller as a process of its own."""

    def __init__(self, kubeconfig: str, log: Path, contender: Contender = OURS) -> None:
        self._log = log.open("a")
        self._process = subprocess.Popen(
            [x.replace(KUBECONFIG, kubeconfig) for x in contender.command],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        self._ready = self._process.stdout.readline()
        if not self._ready.startswith("ready"):
            raise SystemExit(f"the controller did not start:\n{log.read_text()[-2000:]}")

    @property
    def ports(self) -> Ports:
        """Of ours, which tells them when it is ready."""
        return Ports(*(urlsplit(self._addresses[x]).port or 0 for x in ("webhook", "health")))

    @property
    def exposition(self) -> str:
        """Of ours: where its metrics are; empty of another."""
        return self._addresses.get("metrics", "")

    @property
    def _addresses(self) -> dict[str, str]:
        return dict(x.partition("=")[::2] for x in self._ready.split()[1:])

    def usage(self) -> Usage:
        return usage(self._process.pid)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._log.close()


@contextlib.contextmanager
def cluster(directory: str, *flags: str) -> Iterator[str]:
    try:
        up = subprocess.run(
            [HACK / "cluster", "up", "--dir", directory, *flags],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        yield up.stdout.strip().splitlines()[-1]
    finally:
        subprocess.run([HACK / "cluster", "down", "--dir", directory], stdout=subprocess.DEVNULL, check=False)
