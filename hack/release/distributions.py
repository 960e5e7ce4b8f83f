"""The wheels of the two distributions: the plugin, and the manager, which stands on the plugin's modules.

Written here and not by a build backend, so that their bytes depend on nothing but this repository. No file is
in both: the manager's requires the plugin's of the same version.
"""

from __future__ import annotations

import base64
import hashlib
import tomllib
from typing import Any, Final, NamedTuple

from hack.controlplane.layout import ROOT
from hack.release.archives import Entry, files_below, zipped
from lws import __version__

PLUGIN_PARTS: Final = (
    "__init__.py",
    "api/",
    "cli/",
    "documents.py",
    "kube/",
    "objects.py",
    "planning/",
    "py.typed",
    "runtime/",
    "version.py",
)


class Distribution(NamedTuple):
    """What a wheel says of itself, and the modules in it, by path."""

    name: str
    summary: str
    requires: tuple[str, ...]
    scripts: dict[str, str]
    tree: dict[str, Entry]


def project() -> dict[str, Any]:
    """The tables of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def addresses() -> dict[str, str]:
    """By label, as pyproject.toml has them once it is known where the project lives (MAINTENANCE.md)."""
    return dict(project()["project"].get("urls", {}))


def plugin() -> Distribution:
    """``kubectl lws``, and what it stands on."""
    table = project()
    needs = [x for x in table["dependency-groups"]["plugin"] if isinstance(x, str)]
    tree = {name: entry for name, entry in _modules().items() if _is_plugins(name)}
    scripts = {
        name: target
        for name, target in table["project"]["scripts"].items()
        if name in ("kubectl-lws", "kubectl_complete-lws")
    }
    return Distribution(
        "kubectl-lws", "kubectl lws: how LeaderWorkerSets are, and why", tuple(needs), scripts, tree
    )


def manager() -> Distribution:
    """The controller manager."""
    table = project()["project"]
    tree = {name: entry for name, entry in _modules().items() if not _is_plugins(name)}
    requires = (f"kubectl-lws=={__version__}", *table["dependencies"])
    scripts = {"lws-manager": table["scripts"]["lws-manager"]}
    return Distribution(table["name"], table["description"], requires, scripts, tree)


def wheel(distribution: Distribution, *, time: tuple[int, int, int, int, int, int]) -> tuple[str, bytes]:
    """Its file name and bytes, by the specification of binary distributions 1.0."""
    stem = f"{distribution.name.replace('-', '_')}-{__version__}"
    info = f"{stem}.dist-info"
    tree = dict(distribution.tree)
    tree[f"{info}/METADATA"] = Entry(_metadata(distribution).encode())
    tree[f"{info}/WHEEL"] = Entry(
        b"Wheel-Version: 1.0\nGenerator: lws-release\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    scripts = "".join(f"{name} = {target}\n" for name, target in distribution.scripts.items())
    tree[f"{info}/entry_points.txt"] = Entry(f"[console_scripts]\n{scripts}".encode())
    tree[f"{info}/licenses/LICENSE"] = Entry((ROOT / "LICENSE").read_bytes())
    lines = [
        f"{name},sha256={_digest(tree[name].content)},{len(tree[name].content)}" for name in sorted(tree)
    ]
    tree[f"{info}/RECORD"] = Entry("\n".join([*lines, f"{info}/RECORD,,", ""]).encode())
    return f"{stem}-py3-none-any.whl", zipped(tree, time=time)


def _modules() -> dict[str, Entry]:
    below = files_below(ROOT / "src" / "lws", prefix="lws/")
    return {name: Entry(entry.content) for name, entry in below.items() if "__pycache__/" not in name}


def _is_plugins(name: str) -> bool:
    return name.removeprefix("lws/").startswith(PLUGIN_PARTS)


def _metadata(distribution: Distribution) -> str:
    table = project()["project"]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {distribution.name}",
        f"Version: {__version__}",
        f"Summary: {distribution.summary}",
        f"License-Expression: {table['license']}",
        "License-File: LICENSE",
        f"Requires-Python: {table['requires-python']}",
        *(f"Project-URL: {label}, {address}" for label, address in addresses().items()),
        *(f"Requires-Dist: {x}" for x in distribution.requires),
    ]
    return "\n".join(lines) + "\n"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
