"""``make fuzz``: admission is asked what a coverage-guided fuzzer makes of sound reviews.

It runs in an environment of its own, with atheris, which is libFuzzer for Python. What it finds is left in
``build/fuzz``: a file that begins with ``crash-`` or ``timeout-`` is a body to be asked again, by its name.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["lws.webhooks", "lws.planning", "lws.api"]):
    from support.fuzz.judging import judge
from support.fuzz.mutating import mutated
from support.fuzz.reviews import seeds

BUILD = Path(__file__).parents[3] / "build" / "fuzz"
DAMAGED = 8  # one of so many mutations is of bytes and not of the document


def mutator(body: bytes, size: int, seed: int) -> bytes:
    """Of a body that is JSON, a document with another shape or other values; of any other, other bytes."""
    random = Random(seed)
    if random.randrange(DAMAGED):
        try:
            changed = json.dumps(mutated(json.loads(body), random)).encode()
        except (ValueError, RecursionError):
            return bytes(atheris.Mutate(body, size))
        if len(changed) <= size:
            return changed
    return bytes(atheris.Mutate(body, size))


def main() -> None:
    """Arguments are libFuzzer's."""
    corpus = BUILD / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, asked in enumerate(seeds()):
        (corpus / f"seed-{number}").write_text(json.dumps(asked))
    logging.disable()
    limits = ["-max_len=65536", "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={BUILD}/"]
    atheris.Setup([sys.argv[0], *limits, *sys.argv[1:], str(corpus)], judge, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
