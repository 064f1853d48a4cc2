"""`make demo-tokens`: tokens in the place of numbers, played through.

python deploy/tokens/run.py [--people N] [--seed N] [--dir DIR]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.demo import play
from deploy.tokens.tokens import TOKENS

if __name__ == "__main__":
    sys.exit(play.main(programme=TOKENS))
