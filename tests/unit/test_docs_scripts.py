"""Shell in samples, run with stand-ins for the programs it calls: nothing else here can run a container."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.pages import ROOT

SAMPLES = ROOT / "manifests" / "samples"
REFERENCE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)")
STAND_IN = '#!/bin/sh\necho "$(basename "$0") $*"\n'


def documents(sample: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((SAMPLES / sample).read_text()))


def containers(node: Any) -> Iterator[dict[str, Any]]:
    """Everything below that has a command."""
    if isinstance(node, dict):
        if "command" in node and "image" in node:
            yield node
        for member in node.values():
            yield from containers(member)
    elif isinstance(node, list):
        for item in node:
            yield from containers(item)


def container(sample: str, name: str) -> dict[str, Any]:
    return next(x for x in containers(documents(sample)) if x["name"] == name)


def expanded(text: str, env: Mapping[str, str]) -> str:
    """As the kubelet does: ``$(NAME)`` of a known variable is replaced, anything else stays."""
    assert "$$" not in text, "an escape for the kubelet"
    return REFERENCE.sub(lambda found: env.get(found[1], found[0]), text)


def run(command: list[str], env: Mapping[str, str], programs: Path, *names: str) -> list[str]:
    """Lines printed; each of the named programs prints its name and arguments, and succeeds."""
    for name in names:
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)
    words = [expanded(word, env) for word in command]
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        words, env={"PATH": path} | env, capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout.splitlines()


GROUP = {
    "LWS_LEADER_ADDRESS": "llama-cpp-0.llama-cpp.default",
    "LWS_GROUP_SIZE": "3",
    "LWS_WORKER_INDEX": "0",
}
WORKERS = [f"llama-cpp-0-{x}.llama-cpp.default" for x in (1, 2)]


@pytest.mark.parametrize("sample", sorted(x.name for x in SAMPLES.glob("*.yaml")))
def test_shell_in_a_sample_is_shell(sample: str) -> None:
    scripts = [x["command"][-1] for x in containers(documents(sample)) if x["command"][0] == "sh"]
    scripts += [
        x
        for document in documents(sample)
        if document["kind"] == "ConfigMap"
        for x in document["data"].values()
    ]
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True, timeout=20)


def test_llama_cpp_waits_for_its_workers(tmp_path: Path) -> None:
    said = run(
        container("llama-cpp.yaml", "model")["command"],
        GROUP | {"MODEL": "https://a"},
        tmp_path,
        "curl",
        "nc",
    )
    assert said == [
        "curl --fail --location --output /models/model.gguf https://a",
        *(f"nc -z {x} 50052" for x in WORKERS),
    ]


def test_llama_cpp_names_its_workers(tmp_path: Path) -> None:
    [said] = run(container("llama-cpp.yaml", "server")["command"], GROUP, tmp_path, "llama-server")
    assert f"--rpc {','.join(f'{x}:50052' for x in WORKERS)} " in said


@pytest.mark.parametrize("name", ["ggml-rpc-server", "rpc-server"])
def test_llama_cpp_worker_takes_the_program_there_is(tmp_path: Path, name: str) -> None:
    said = run(container("llama-cpp.yaml", "layers")["command"], GROUP, tmp_path, name)
    assert said == [f"{name} --host 0.0.0.0 --port 50052"]


def script_of(name: str, programs: Path) -> str:
    """A script of tensorrt-llm.yaml, whose absolute paths are in ``programs`` here."""
    data = next(x["data"] for x in documents("tensorrt-llm.yaml") if x["kind"] == "ConfigMap")
    return str(data[name].replace("/tools/", f"{programs}/"))


def test_tensorrt_llm_starts_as_many_processes_as_there_are_gpus(tmp_path: Path) -> None:
    env = {
        "LWS_LEADER_ADDRESS": "tensorrt-llm-0.tensorrt-llm.ai",
        "LWS_GROUP_SIZE": "2",
        "GPUS": "8",
        "MODEL": "a/b",
    }
    said = run(["bash", "-c", script_of("serve", tmp_path)], env, tmp_path, "kubectl", "mpirun")
    assert said[0] == "kubectl exec tensorrt-llm-0-1 -- true"
    assert said[1].startswith("mpirun --allow-run-as-root -n 16 --host tensorrt-llm-0:8,tensorrt-llm-0-1:8 ")
    assert said[1].endswith("trtllm-serve a/b --host 0.0.0.0 --port 8000 --tp_size 8 --pp_size 2")


def test_tensorrt_llm_calls_a_pod_as_mpi_calls_a_host(tmp_path: Path) -> None:
    """mpirun gives the host and one line of shell."""
    call = ["sh", "-c", script_of("rsh", tmp_path), "rsh", "tensorrt-llm-0-1", "PATH=/a ; orted -mca b c"]
    assert run(call, {}, tmp_path, "kubectl") == [
        "kubectl exec tensorrt-llm-0-1 -- sh -c PATH=/a ; orted -mca b c"
    ]


@pytest.mark.parametrize(
    ("sample", "name", "said"),
    [
        ("vllm.yaml", "vllm-leader", "--tensor-parallel-size 8 --pipeline-parallel-size 3"),
        ("vllm.yaml", "vllm-worker", "worker --ray_address=llama-cpp-0.llama-cpp.default"),
        ("vllm-tpu.yaml", "vllm-leader", "--distributed-executor-backend ray --tensor-parallel-size 16"),
        (
            "sglang.yaml",
            "sglang-worker",
            "--nnodes 3 --node-rank 0 --dist-init-addr llama-cpp-0.llama-cpp.default:20000",
        ),
    ],
)
def test_servers_are_told_who_they_are(tmp_path: Path, sample: str, name: str, said: str) -> None:
    lines = run(container(sample, name)["command"], GROUP, tmp_path, "python3", "bash")
    assert said in lines[-1]


def test_vllm_serves_only_when_all_nodes_have_joined(tmp_path: Path) -> None:
    (tmp_path / "bash").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bash").chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError):
        run(container("vllm.yaml", "vllm-leader")["command"], GROUP, tmp_path, "python3")
