"""`make demo-audit`: a log that cannot lie, played through.

python deploy/audit/run.py [--people N] [--seed N] [--dir DIR]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.audit.audit import AUDIT
from deploy.demo import play

if __name__ == "__main__":
    sys.exit(play.main(programme=AUDIT))
