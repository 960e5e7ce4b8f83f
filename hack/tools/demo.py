"""``make demo``: a local control plane, the controller outside it, two sample sets made Available.

Only a conductor: it runs hack/cluster, hack/run and kubectl as a person would, shows what happens, and
cleans up however it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HACK = Path(__file__).resolve().parent.parent
ROOT = HACK.parent
SAMPLES = ("leaderworkerset.yaml", "vllm.yaml")
AVAILABLE_TIMEOUT = 180.0

TIPS = """
The cluster and the controller run until Ctrl-C. In another terminal:

  export KUBECONFIG={kubeconfig}
  {kubectl} get lws,sts,pods
  {kubectl} scale lws/leaderworkerset-sample --replicas=5     # two more groups
  {kubectl} patch lws/leaderworkerset-sample --type=json -p \\
    '[{{"op":"replace","path":"/spec/leaderWorkerTemplate/workerTemplate/spec/containers/0/image","value":"nginx:1"}}]'
  {kubectl} get lws -w                                         # and watch the roll, group by group
  {kubectl} delete pod leaderworkerset-sample-0-2              # the whole group 0 comes back
  {kubectl} get events --sort-by=.metadata.creationTimestamp   # and says why
"""


class DemoError(Exception):
    """What went wrong, in one line."""


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


class Kubectl:
    """kubectl against the demo's cluster."""

    def __init__(self, program: str, kubeconfig: str) -> None:
        self._command = [program, "--kubeconfig", kubeconfig]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"kubectl {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self(*arguments, "-o", "json"))["items"]
        return items


@contextlib.contextmanager
def local_cluster(directory: str) -> Iterator[str]:
    """Yields the kubeconfig's path; whatever happens, nothing is left running."""
    say("starting a control plane: etcd, API server, controller manager, scheduler, hollow nodes")
    try:
        up = subprocess.run(
            [HACK / "cluster", "up", "--dir", directory], stdout=subprocess.PIPE, text=True, check=False
        )
        if up.returncode:
            raise DemoError("the local cluster did not start; the reason stands above")
        yield up.stdout.strip().splitlines()[-1]
    finally:
        say("stopping the control plane")
        subprocess.run([HACK / "cluster", "down", "--dir", directory], stdout=subprocess.DEVNULL, check=False)


@contextlib.contextmanager
def controller(kubeconfig: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    """The controller and its webhooks as a process of its own; yields once it says that it is ready."""
    say("starting the controller and its admission webhooks")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [HACK / "run", "--kubeconfig", kubeconfig], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready"):
                break
        else:
            last = (log.read_text().strip().splitlines() or ["it said nothing"])[-1]
            raise DemoError(f"the controller did not start: {last}")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield process
    finally:
        say("stopping the controller")
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()


def is_available(item: dict[str, Any]) -> bool:
    conditions = item.get("status", {}).get("conditions", [])
    return any(x["type"] == "Available" and x["status"] == "True" for x in conditions)


def await_available(kubectl: Kubectl, process: subprocess.Popen[str], log: Path) -> None:
    """Show the sets whenever they change, until all are Available."""
    deadline, shown = time.monotonic() + AVAILABLE_TIMEOUT, ""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"the controller ended with code {process.returncode}; its log: {log}")
        sets = kubectl.items("get", "lws")
        ready = [
            f"{x['metadata']['name']} {x.get('status', {}).get('readyReplicas', 0)}/{x['spec']['replicas']}"
            for x in sets
        ]
        if ", ".join(ready) != shown:
            shown = ", ".join(ready)
            say(f"ready groups: {shown}")
        if sets and all(is_available(x) for x in sets):
            return
        time.sleep(0.2)
    raise DemoError(f"not Available within {AVAILABLE_TIMEOUT:.0f} s: {shown}")


def demo(program: str, *, once: bool) -> None:
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="lws-demo-") as directory,
        local_cluster(f"{directory}/cluster") as kubeconfig,
        controller(kubeconfig, log := Path(directory, "controller.log")) as process,
    ):
        kubectl = Kubectl(program, kubeconfig)
        say("applying the samples: 3 groups of 4 pods, and vLLM on 2 groups of 2")
        for sample in SAMPLES:
            kubectl("apply", "-f", str(ROOT / "manifests" / "samples" / sample))
        await_available(kubectl, process, log)
        say(f"Available after {time.monotonic() - started:.0f} s")
        print(kubectl("get", "lws,sts,pods"), flush=True)
        if not once:
            print(TIPS.format(kubeconfig=kubeconfig, kubectl=program), flush=True)
            code = process.wait()
            raise DemoError(f"the controller ended with code {code}; its log: {log}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="hack/demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--once", action="store_true", help="exit 0 once Available instead of staying")
    parser.add_argument("--kubectl", default=os.environ.get("KUBECTL", "kubectl"), help="the kubectl to use")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        demo(options.kubectl, once=options.once)
    except KeyboardInterrupt:
        return 0 if not options.once else 130
    except (DemoError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
