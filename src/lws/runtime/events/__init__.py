"""Events that users see: the recorder, which never blocks, and the series into which it folds them.

What is worth an event is for planners to say, and may not live here.
"""

from __future__ import annotations

from lws.runtime.events.recorder import EventRecorder

__all__ = ["EventRecorder"]
