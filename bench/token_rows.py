"""Measures what rows behind tokens cost whoever changes them, on a database in a file, which commits durably.

    python -m bench.token_rows [--rows N] [--json]

Seconds are those of the processor of the process that works. "moved" is `token rekey` from keys of all kinds to others;
"a number that changes hands" is what the feed pays for a merger more than for any other change; "passed over" is how
fast a rotation or a purge reads rows that it leaves as they are.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bench.table import Row, render
from keys.custody import Custody
from keys.purpose import Purpose
from keys.tokenkey import hashed
from padan import nik as nik_grammar
from tests.installation import Installation, install
from tests.people import AS_OF
from tokenizer.inner import Inner
from tokenizer.token import Quotients
from tokenizer.tokenrow import TokenRow, TokenRows
from verifier.directory import Directory
from verifier.log.beside import Beside
from verifier.log.open import open_log
from verifier.token.forgetting import Forgetting
from verifier.token.rekeying import Rekeying
from verifier.token.rowtable import RowTable
from verifier.token.tables import TOKEN_PURPOSES
from verifier.token.transfer import Hand, TokenTransfers, Transfer

if TYPE_CHECKING:
    from keys.agent import LocalKeyAgent
    from padan.nik import Nik

TRANSFERS = 1_000
_AT_ONCE = 2_000


def numbers(count: int) -> list[Nik]:
    """Make numbers."""
    days = [(day, month, year) for year in range(50, 99) for month in range(1, 13) for day in range(1, 29)]
    return [
        nik_grammar.parse(
            f"327301{day:02}{month:02}{year:02}{9000 + number // len(days):04}",
            AS_OF,
        )
        for number in range(count)
        for day, month, year in (days[number % len(days)],)
    ]


def fill(made: Installation, agent: LocalKeyAgent, niks: list[Nik]) -> None:
    """Write rows as tokens' first issue does."""
    held = agent.tokens()
    rows, match = TokenRows.of(made.realm, held, Quotients()), held.match()[0]
    with closing(Directory(made.settings.log_database)) as directory:
        table = RowTable(directory, Beside.TOKEN)
        for start in range(0, len(niks), _AT_ONCE):
            sealed = [
                rows.seal(
                    TokenRow(records=((1, bytes(16)),), element=match.evaluate(hashed(nik.value.encode())))
                )
                for nik in niks[start : start + _AT_ONCE]
            ]
            with table.changing() as change:
                change.write(put=sealed)


def measure(count: int) -> dict[str, float]:
    """Measure everything, once."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        made = install(Path(folder) / "padan", people=())
        niks = numbers(count)
        with closing(made.agent()) as agent:
            fill(made, agent, niks)
        custody = Custody(path=made.settings.keyring, provider=made.provider, actor="bench")
        custody.succeed((*TOKEN_PURPOSES, Purpose.ROW_SEAL))
        with closing(made.agent()) as agent, closing(open_log(made.settings.log_database)) as log:
            began, wall = time.process_time(), time.monotonic()
            tables = Rekeying(made.settings, agent, sleep=lambda _seconds: None).run(log)
            moved = next(each for each in tables if each.table == "token")
            if moved.moved != count:
                raise RuntimeError("not every row was moved")
            found["moved"] = count / (time.process_time() - began)
            found["moved in all"] = count / (time.monotonic() - wall)
            inner = Inner.of_agent(
                agent, index_id=agent.key_id(Purpose.INDEX), attribute_id=agent.key_id(Purpose.ATTRIBUTE)
            )
            with closing(Directory(made.settings.log_database)) as directory:
                pairs = zip(niks[:TRANSFERS], niks[TRANSFERS : 2 * TRANSFERS], strict=True)
                hands = [Transfer(hand=Hand.MERGED, number=one, own=other) for one, other in pairs]
                began = time.process_time()
                TokenTransfers(agent, directory).take(hands, [inner])
                found["hands"] = (time.process_time() - began) / TRANSFERS * 1e6
                began = time.process_time()
                for _ in Forgetting(agent, directory).bearers({(0, b"nobody")}):
                    pass
                found["passed over"] = count / (time.process_time() - began)
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.token_rows", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="rows, at least 2,000")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args()
    found = measure(max(chosen.rows, 2 * TRANSFERS))
    rows = [
        Row(name="rows moved to new keys, a second of processor", figure=found["moved"]),
        Row(name="rows moved to new keys, a second", figure=found["moved in all"]),
        Row(name="rows passed over, a second of processor", figure=found["passed over"]),
        Row(name="a number that changes hands", figure=found["hands"], unit="us"),
    ]
    if chosen.json:
        sys.stdout.write(json.dumps([row.as_dict() for row in rows]) + "\n")
        return
    sys.stdout.write(render(rows) + "\n")


if __name__ == "__main__":
    main()
