"""`make demo`: the whole service on this machine, played through.

python deploy/demo/run.py [--people N] [--seed N] [--only NAME] [--keep] [--dir DIR]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.demo import play

if __name__ == "__main__":
    sys.exit(play.main())
