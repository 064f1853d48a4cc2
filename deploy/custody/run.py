"""`make demo-custody`: keys that nobody holds alone, played through.

python deploy/custody/run.py [--people N] [--seed N] [--dir DIR]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.custody.custody import CUSTODY
from deploy.demo import play

if __name__ == "__main__":
    sys.exit(play.main(programme=CUSTODY))
