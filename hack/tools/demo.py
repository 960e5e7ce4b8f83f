"""``make demo``: a local control plane, the controller outside it, two sample sets made Available.

Only a conductor: it runs hack/cluster, hack/run and kubectl as a person would, shows what happens, and
cleans up however it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hack.controlplane import binaries
from hack.controlplane.layout import ClusterError

HACK = Path(__file__).resolve().parent.parent
ROOT = HACK.parent
PLUGIN = ROOT / ".venv" / "bin"
SAMPLES = ("leaderworkerset.yaml", "vllm.yaml")
AVAILABLE_TIMEOUT = 180.0

START_DELAY = "1s"  # from a pod's placement to its readiness: long enough to see a roll go by
RACK_DEVICES = "hollow-kubelet=--rack-devices=1"  # for the sample group-claims
LOG_LINES = 15
NO_SUCH_NODE = (
    '{"spec":{"leaderWorkerTemplate":{"workerTemplate":{"spec":{"nodeSelector":{"disk":"none"}}}}}}'
)

TIPS = """
The cluster and the controller run until Ctrl-C. In another terminal:

  export KUBECONFIG={kubeconfig} PATH={path}:$PATH
  {kubectl} lws tree                                               # sets, groups, pods
  {kubectl} scale lws/leaderworkerset-sample --replicas=5          # two more groups
  {kubectl} lws restart leaderworkerset-sample                     # a roll, group by group;
  {kubectl} lws status leaderworkerset-sample --watch              # see it go
  {kubectl} delete pod leaderworkerset-sample-0-2                  # the whole group 0 comes back
  {kubectl} patch lws/vllm --type=merge --patch='{patch}'
  {kubectl} lws why vllm                                           # that broke it: there is no such node
  {kubectl} lws undo vllm                                          # back
  {kubectl} get events --sort-by=.metadata.creationTimestamp       # what was done, and why

Pods take {delay} to start here and have no containers. Metrics: {metrics}
(installed, it serves them over HTTPS, to those who have a token and the right)
The controller's log: {log}
"""


class DemoError(Exception):
    """What went wrong, in one line."""


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


def find_kubectl(wanted: str | None) -> str:
    """The program to use: what is wanted, else one on the PATH, else the one built with the cluster."""
    if wanted is None:
        return shutil.which("kubectl") or str(binaries.locate(say=say)["kubectl"])
    found = shutil.which(wanted)
    if found is None:
        raise DemoError(f"there is no program {wanted}: correct --kubectl or KUBECTL, or leave it out")
    return found


def search_path(kubectl: str) -> str:
    """What a shell must have on its PATH for the tips: the plugin, and kubectl unless it is there."""
    found = shutil.which(Path(kubectl).name)
    directories = [str(PLUGIN)] if found == kubectl else [str(PLUGIN), str(Path(kubectl).parent)]
    return ":".join(directories)


def ended(code: int | None, log: Path) -> DemoError:
    """With the end of a log that nobody can read afterwards."""
    lines = log.read_text(errors="replace").strip().splitlines()[-LOG_LINES:]
    return DemoError("\n  ".join([f"the controller ended with code {code}; its last lines:", *lines]))


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
        command: list[str | Path] = [HACK / "cluster", "up", "--dir", directory, "--start-delay", START_DELAY]
        command += ["--arg", RACK_DEVICES]
        up = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if up.returncode:
            raise DemoError("the local cluster did not start; the reason stands above")
        yield up.stdout.strip().splitlines()[-1]
    finally:
        say("stopping the control plane; elsewhere: unset KUBECONFIG")
        subprocess.run([HACK / "cluster", "down", "--dir", directory], stdout=subprocess.DEVNULL, check=False)


class Running(NamedTuple):
    """The controller: its process, where its metrics are, and its log."""

    process: subprocess.Popen[str]
    metrics: str
    log: Path


@contextlib.contextmanager
def controller(kubeconfig: str, log: Path) -> Iterator[Running]:
    """The controller and its webhooks as a process of its own; yields once it says that it is ready."""
    say("starting the controller and its admission webhooks")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [HACK / "run", "--kubeconfig", kubeconfig, "--revision-history-limit=3"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready"):
                break
        else:
            raise ended(process.wait(), log)
        threading.Thread(target=process.stdout.read, daemon=True).start()
        addresses = dict(word.split("=", 1) for word in line.split()[1:])
        yield Running(process, addresses["metrics"], log)
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


def await_available(kubectl: Kubectl, running: Running) -> None:
    """Show the sets whenever they change, until all are Available."""
    deadline, shown = time.monotonic() + AVAILABLE_TIMEOUT, ""
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            raise ended(running.process.returncode, running.log)
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
        controller(kubeconfig, Path(directory, "controller.log")) as running,
    ):
        kubectl = Kubectl(program, kubeconfig)
        say("applying the samples: 3 groups of 4 pods, and vLLM on 2 groups of 2")
        for sample in SAMPLES:
            kubectl("apply", "-f", str(ROOT / "manifests" / "samples" / sample))
        await_available(kubectl, running)
        say(f"Available after {time.monotonic() - started:.0f} s")
        print(kubectl("get", "lws,sts,pods"), flush=True)
        if not once:
            print(tips(program, kubeconfig, running), flush=True)
            raise ended(running.process.wait(), running.log)


def tips(program: str, kubeconfig: str, running: Running) -> str:
    """What to try, each line as it can be pasted."""
    return TIPS.format(
        kubeconfig=kubeconfig,
        kubectl=Path(program).name,
        path=search_path(program),
        patch=NO_SUCH_NODE,
        delay=START_DELAY,
        metrics=running.metrics,
        log=running.log,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="hack/demo", description="A cluster, the controller, two samples.")
    parser.add_argument("--once", action="store_true", help="exit 0 once Available instead of staying")
    parser.add_argument("--kubectl", default=os.environ.get("KUBECTL"), help="the kubectl to use")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        demo(find_kubectl(options.kubectl), once=options.once)
    except KeyboardInterrupt:
        return 0 if not options.once else 130
    except (DemoError, ClusterError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
