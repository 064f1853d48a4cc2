"""Arrays reach PostgreSQL as they are: any length, any value, none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from verifier.log import arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Make = Callable[[Sequence[Any]], bytes]

CASES: tuple[tuple[Make, str, list[Any]], ...] = (
    (arrays.of_bytes, "bytea", []),
    (arrays.of_bytes, "bytea", [b""]),
    (arrays.of_bytes, "bytea", [b"\0" * 32, b"\xff" * 32, b"\0" * 32]),
    (arrays.of_bytes, "bytea", [b"", b"\0", b"a" * 70_000, b"", b"\\x00"]),
    (arrays.of_texts, "text", []),
    (arrays.of_texts, "text", ["agency-1", "", "{,}", "NULL", "é \\ ' \"", "agency-1"]),
    (arrays.of_int2, "smallint", [0, -1, 2**15 - 1, -(2**15), 0]),
    (arrays.of_int4, "integer", [0, -1, 2**31 - 1, -(2**31)]),
    (arrays.of_int8, "bigint", [0, -1, 2**63 - 1, -(2**63)]),
    (arrays.of_int8, "bigint", []),
)


@pytest.mark.parametrize(("make", "kind", "values"), CASES)
def test_arrays_are_what_the_server_takes_them_for(
    postgres_url: str, make: Make, kind: str, values: list[Any]
) -> None:
    """The server gives each array back as the list that it was made of, and tells its type without a cast."""
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute(
            "SELECT %b, pg_typeof(%b)::text, cardinality(%b)", (make(values), make(values), make(values))
        ).fetchone()
        rows = connection.execute("SELECT * FROM unnest(%b)", (make(values),)).fetchall()
    assert row == (values, f"{kind}[]", len(values))
    assert [value for (value,) in rows] == values


@pytest.mark.parametrize(
    ("make", "value"), [(arrays.of_int2, 2**15), (arrays.of_int4, -(2**31) - 1), (arrays.of_int8, 2**63)]
)
def test_a_number_that_does_not_fit_is_refused(make: Make, value: int) -> None:
    """A number that is wider than its column is refused here, and not cut off."""
    with pytest.raises(OverflowError):
        make([1, value])
