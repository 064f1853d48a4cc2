"""What a conversion costs the service: a token that is handed in, and one that is collected, with their entries.

    python -m bench.conversion [--tokens N] [--payload BYTES] [--json]

Microseconds are those of the processor of the service's processes, on a database in a file, which commits durably. A
rate keeps an agency to five calls a second, so calls are made at that pace; the seconds of a call are the middle ones.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import uuid
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cpu import seconds, tree
from bench.table import Row, render
from bench.token_rows import numbers
from keys.purpose import Purpose
from keys.tokenkey import hashed
from padan import nik as nik_grammar
from padan.conversion import Carried, Collect, HandIn, fitting
from tests.installation import install
from tests.people import AS_OF, BUDI
from tests.service import running
from tests.terms import Terms
from tokenizer.inner import Inner
from tokenizer.tokenrow import TokenRow
from verifier.directory import Directory
from verifier.log.beside import Beside
from verifier.token.domains import TokenDomains
from verifier.token.rowtable import RowTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.installation import Installation
    from tests.service import RunningService

PAUSE = 0.22
"""Seconds between two calls: within the rate."""
SAID: dict[str, Any] = {"purpose": "service", "officer": "bench", "legal_basis": "public_task"}
_AT_ONCE = 2_000


def issue(made: Installation, count: int) -> list[bytes]:
    """Make tokens with rows behind them; they all lead to one record."""
    found = []
    with closing(made.agent()) as agent, closing(Directory(made.settings.log_database)) as directory:
        keys = TokenDomains(agent, grace_days=90).current()
        inner = Inner.of_agent(
            agent, index_id=agent.key_id(Purpose.INDEX), attribute_id=agent.key_id(Purpose.ATTRIBUTE)
        )
        record = ((inner.index_id, inner.record_id(nik_grammar.parse(BUDI["NIK"], AS_OF))),)
        domain, table, rows = keys.domain("tax"), RowTable(directory, Beside.TOKEN), []
        for nik in numbers(count):
            element = hashed(nik.value.encode())
            found.append(domain.issue(element))
            rows.append(keys.rows.seal(TokenRow(records=record, element=keys.match.evaluate(element))))
        for start in range(0, count, _AT_ONCE):
            with table.changing() as change:
                change.write(put=rows[start : start + _AT_ONCE])
    return found


class Watch:
    """Counts processor time of the service and seconds of calls.

    Args:
        service: the service.
    """

    def __init__(self, service: RunningService) -> None:
        self._pids = tree(service.pid)
        self.spent = 0.0
        self.waits: list[float] = []

    def call(self, act: Callable[[], Any]) -> Any:
        """Make a call, within the rate."""
        time.sleep(PAUSE)
        spent, began = seconds(self._pids), time.monotonic()
        answer = act()
        self.waits.append(time.monotonic() - began)
        self.spent += seconds(self._pids) - spent
        return answer


def measure(count: int, payload: int) -> dict[str, float]:
    """Measure everything, once."""
    with tempfile.TemporaryDirectory() as folder:
        made = install(
            Path(folder) / "padan",
            agencies={
                "tax": Terms(token_domain="tax", conversions=("aid",)),  # noqa: S106 - a name
                "aid": Terms(token_domain="aid", converted_from=("tax",)),  # noqa: S106 - a name
            },
            people=[BUDI],
            token_domains=("tax", "aid"),
        )
        tokens, job = issue(made, count), str(uuid.uuid4())
        size = fitting(payload, len(tokens[0]))
        with running(made) as service, service.client("tax") as tax, service.client("aid") as aid:
            given, came, collected = Watch(service), Watch(service), 0
            for part, start in enumerate(range(0, count, size), 1):
                items = [Carried(token=each, payload=bytes(payload)) for each in tokens[start : start + size]]
                built = HandIn.build(items, to="aid", job_id=job, part=part, **SAID)
                given.call(partial(tax.convert_tokens, built, timeout=30))
            tax.convert_tokens(
                HandIn.build([], to="aid", job_id=job, part=part, last=True, **SAID), timeout=30
            )
            after, more = b"", True
            while more:
                asked = Collect.build(job, after=after, **SAID)
                page = came.call(partial(aid.collect_converted, asked, timeout=30))
                collected += len(page.items)
                after, more = page.next, bool(page.next)
    if collected != count:
        raise RuntimeError("not everything came")
    return {
        "given": given.spent / count * 1e6,
        "came": came.spent / count * 1e6,
        "given wait": statistics.median(given.waits),
        "came wait": statistics.median(came.waits),
        "part": size,
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.conversion", description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=10_000, help="tokens")
    parser.add_argument("--payload", type=int, default=0, help="bytes of a payload, 0 to 1,024")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args()
    found = measure(chosen.tokens, chosen.payload)
    rows = [
        Row(name="tokens in a part", figure=found["part"]),
        Row(name="a token handed in, of the service's processor", figure=found["given"], unit="us"),
        Row(name="a token collected, of the service's processor", figure=found["came"], unit="us"),
        Row(name="a part handed in", figure=found["given wait"], unit="s"),
        Row(name="a page collected", figure=found["came wait"], unit="s"),
    ]
    if chosen.json:
        sys.stdout.write(json.dumps([row.as_dict() for row in rows]) + "\n")
        return
    sys.stdout.write(render(rows) + "\n")


if __name__ == "__main__":
    main()
