"""Sets on a live cluster whose images change: what these images are like there, and what came of pods."""

from __future__ import annotations

from typing import Any

import msgspec

from lws.api import constants as c
from support.sets import IMAGE, Document, LivePod, LiveSet, Sets, template
from support.wholeness import await_whole

NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"
BAD = "docker.io/nginxinc/nginx-unprivileged:none"
CRASHING = "docker.io/nginxinc/nginx-unprivileged:crashes"
SAME = "docker.io/nginxinc/nginx-unprivileged:same"
PULLED = "docker.io/nginxinc/nginx-unprivileged:pulled"
SLOW = "docker.io/nginxinc/nginx-unprivileged:slow"
BEHAVIOUR = msgspec.json.encode(
    {
        BAD: {"error": "ErrImagePull"},
        CRASHING: {"crash": True},
        SAME: {"digest": "one"},
        IMAGE: {"digest": "one"},
        PULLED: {"pull": "500ms"},
        SLOW: {"pull": "3s"},
    }
).decode()


def images(leader: str = IMAGE, worker: str = IMAGE) -> Document:
    """Members of a spec that give both roles their images, which behave as ``BEHAVIOUR`` says."""
    pairs = (("leader", leader), ("worker", worker))
    return {f"{role}Template": template(role, image, images=BEHAVIOUR) for role, image in pairs}


def create(sets: Sets, name: str = "test-sample", **members: Any) -> LiveSet:
    lws = sets.create(name, **({"podUpdatePolicy": c.POD_UPDATE_IN_PLACE, **images()} | members))
    await_whole(lws)
    return lws


def restarts(pod: LivePod) -> int:
    return sum(int(x["restartCount"]) for x in pod.document["status"]["containerStatuses"])


def nodes(lws: LiveSet) -> dict[str, str]:
    """Where each pod is, by its UID."""
    return {pod.uid: pod.document["spec"]["nodeName"] for pod in lws.pods()}


def begin(lws: LiveSet, group: int, **more: Any) -> None:
    """Change the images to slow ones, and wait until pods of that group have them."""
    lws.change(**images(SLOW, SLOW), **more)
    await_image(lws, group, SLOW)


def await_image(lws: LiveSet, group: int, image: str) -> None:
    """Until the leader has it, which is changed last."""
    lws.until(f"{image} in group {group}", lambda: [x.image for x in lws.group(group)][:1], [image].__eq__)
