"""What shall go wrong, and how images behave: the annotations ``hollow.lws/`` of pods and nodes, read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import msgspec

from hack.controlplane.durations import Delay, parse_delay, parse_duration
from hack.controlplane.hollow_objects import PREFIX, HollowPod

GAP_SECONDS = 0.03  # from observedGeneration to the first deed; a kubelet's next look at the runtime
PULL_ERROR, PULL_BACK_OFF = "ErrImagePull", "ImagePullBackOff"
END_PHASES = ("", "Succeeded", "Failed")


class Image(NamedTuple):
    """How one image behaves wherever it shall run."""

    pull: float = 0.0  # seconds
    error: str = ""  # why it cannot be pulled: the reason its containers wait with
    crash: bool = False
    digest: str = ""  # ``sha256:...``; empty: its own


class ImageEntry(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The written form of an ``Image``."""

    pull: str = "0s"
    error: str = ""
    crash: bool = False
    digest: str = ""


Images = Mapping[str, Image]
PLAIN = Image()


class Faults(NamedTuple):
    """What shall go wrong with a pod, from its annotations with the prefix ``hollow.lws/``."""

    start_delay: Delay
    restarts: tuple[float, ...] = ()  # seconds after the start
    crash_loop: bool = False
    init_failure: bool = False
    not_ready: bool = False
    stop_delay: float = 0.0
    stuck_terminating: bool = False
    observe_gap: float = GAP_SECONDS
    end_phase: str = ""  # what a deleted pod's phase becomes before its object goes; empty: it does not


def faults_of(pod: HollowPod, default_delay: Delay, default_end: str = "") -> Faults:
    """The faults a pod asks for. Raises ValueError naming the annotation that cannot be read."""

    def text(name: str) -> str:
        return pod.annotations.get(PREFIX + name, "")

    def seconds(name: str, otherwise: float) -> float:
        return parse_duration(text(name)) if text(name) else otherwise

    try:
        return Faults(
            start_delay=parse_delay(text("start-delay")) if text("start-delay") else default_delay,
            restarts=tuple(parse_duration(part.strip()) for part in text("restart").split(",") if part),
            crash_loop=text("crash-loop") == "true",
            init_failure=text("init-failure") == "true",
            not_ready=text("not-ready") == "true",
            stop_delay=seconds("stop-delay", 0.0),
            stuck_terminating=text("stuck-terminating") == "true",
            observe_gap=seconds("observe-gap", GAP_SECONDS),
            end_phase=parse_end(pod.annotations.get(PREFIX + "end-phase", default_end)),
        )
    except ValueError as error:
        raise ValueError(f"annotation {PREFIX}*: {error}") from error


def parse_end(text: str) -> str:
    """The phase a deleted pod ends in. Raises ValueError."""
    if text not in END_PHASES:
        raise ValueError(f"{text!r} is not a phase pods end in: write Succeeded, Failed, or nothing")
    return text


def images_of(*annotations: Mapping[str, str]) -> Images:
    """The tables of images in some objects' annotations; of two entries for one image the later holds.

    Raises ValueError naming the annotation.
    """
    texts = (entry.get(PREFIX + "images", "") for entry in annotations)
    tables = [_table(text) for text in texts if text]
    return {image: entry for table in tables for image, entry in table.items()} if tables else {}


@lru_cache(maxsize=256)
def _table(text: str) -> Images:
    try:
        entries = msgspec.json.decode(text, type=dict[str, ImageEntry])
        return {name: _image(entry) for name, entry in entries.items()}
    except ValueError as error:  # msgspec's errors are, too
        raise ValueError(f"annotation {PREFIX}images: {error}") from error


def _image(entry: ImageEntry) -> Image:
    return Image(parse_duration(entry.pull), entry.error, entry.crash, entry.digest)


@lru_cache(maxsize=4096)
def own_digest(image: str) -> str:
    """The digest an image names, else one that belongs to its text alone."""
    return image.rpartition("@")[2] if "@" in image else f"sha256:{sha256(image.encode()).hexdigest()}"
