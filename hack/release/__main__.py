"""``make release``: what is published, written to ``dist/``."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from hack.controlplane.layout import ROOT, ClusterError
from hack.release import debian, distributions, image, manifests, notes, oci, sbom, zipapp
from hack.release.archives import sha256
from lws import __version__


class Release:
    """Writes one file after the other into ``directory``. ``time``: seconds since 1970, of everything."""

    def __init__(self, directory: Path, *, time: int, commit: str, repository: str) -> None:
        self._directory, self._time, self._repository = directory, time, repository
        moment = datetime.fromtimestamp(time, UTC)
        self._date = moment.timetuple()[:6]
        self._facts = oci.Facts(__version__, commit, moment.strftime("%Y-%m-%dT%H:%M:%SZ"), repository)
        self._sums: dict[str, str] = {}

    def write(self, architectures: list[str], sources: Path | None) -> None:
        """All of it."""
        self._python()
        bases = {name: debian.fetch(name, sources=sources) for name in architectures}
        digest = self._image(bases)
        self._keep("install.yaml", manifests.install(self._repository, digest))
        self._keep(*manifests.chart(self._repository, digest, time=self._time))
        packages = {name: base.packages for name, base in bases.items()}
        self._keep(f"lws-{__version__}.cdx.json", sbom.build(packages))
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._sums.items()))
        self._keep("SHA256SUMS", lines.encode())
        self._keep("RELEASE_NOTES.md", notes.notes(__version__, f"{self._repository}@{digest}"))

    def _python(self) -> None:
        for distribution in (distributions.plugin(), distributions.manager()):
            self._keep(*distributions.wheel(distribution, time=self._date))
        self._keep("kubectl-lws", zipapp.build(time=self._time, date=self._date), mode=0o755)

    def _image(self, bases: dict[str, debian.Base]) -> str:
        own = image.native_architecture()
        native = bases.get(own) or debian.fetch(own)
        every = {x: image.layers(x, base, native, time=self._time) for x, base in bases.items()}
        built = oci.build(every, self._facts, time=self._time)
        self._keep(f"lws-{__version__}-image.tar", built.archive)
        for name, size in built.unpacked.items():
            print(f"  {name}: {size / 1e6:.0f} MB unpacked", flush=True)
        print(f"  {self._repository}@{built.digest}", flush=True)
        return built.digest

    def _keep(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        path = self._directory / name
        path.write_bytes(content)
        path.chmod(mode)
        self._sums[name] = sha256(content)
        print(f"{path.relative_to(self._directory.parent)}  {len(content) / 1e6:.1f} MB", flush=True)


def commit() -> str:
    """Of HEAD; nothing may differ from it, or the commit would not name what is in the release."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    if changed:
        raise ClusterError(f"{len(changed.splitlines())} files differ from HEAD: commit first (or --dirty)")
    return _git("rev-parse", "HEAD")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def _epoch() -> int:
    """Of everything that is written: SOURCE_DATE_EPOCH, else when the commit was made."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given and not given.isdecimal():
        raise ClusterError(f"SOURCE_DATE_EPOCH={given} is not a number of seconds since 1970")
    return max(int(given or _git("log", "-1", "--format=%ct")), 315532800)  # zip begins in 1980


def main() -> int:
    parser = argparse.ArgumentParser(prog="make release", description="Write what is published.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="default: dist, which is emptied")
    parser.add_argument(
        "--image", default=f"localhost/{manifests.IMAGE}", help="where the image will be pushed"
    )
    parser.add_argument("--architectures", default="amd64,arm64", help="default: amd64,arm64")
    parser.add_argument(
        "--apt-sources", type=Path, help="a sources file of Debian 12; default: the machine's"
    )
    parser.add_argument("--dirty", action="store_true", help="of files that are not committed, for a trial")
    options = parser.parse_args()
    try:
        notes.section(__version__)
        release = Release(
            options.output,
            time=_epoch(),
            commit="unknown" if options.dirty else commit(),
            repository=options.image,
        )
        shutil.rmtree(options.output, ignore_errors=True)
        options.output.mkdir(parents=True)
        release.write(options.architectures.split(","), options.apt_sources)
    except ClusterError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
