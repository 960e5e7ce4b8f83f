"""``python hack/controlplane up|down|status``: runs in the project's virtual environment, whoever calls."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"

if __name__ == "__main__":
    if PYTHON.exists() and Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
        os.execv(PYTHON, [str(PYTHON), *sys.argv])
    sys.path[:1] = [str(ROOT), str(ROOT / "src")]
    from hack.controlplane.main import main

    raise SystemExit(main())
