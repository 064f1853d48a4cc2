"""The answer's bytes, against protobuf's own."""

from __future__ import annotations

from google.protobuf import timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from padan.v1 import attribute_pb2, verification_pb2
from verifier import answer

AS_OF = timestamp_pb2.Timestamp(seconds=1_790_000_000)
REQUEST_ID = "00000000-0000-4000-8000-000000000000"
attributes_of = st.lists(
    st.sampled_from(sorted(attribute_pb2.Attribute.values())[1:]), min_size=1, unique=True
)
verdict_of = st.sampled_from(sorted(attribute_pb2.Verdict.values())[1:])


@given(data=st.data(), attributes=attributes_of, per_claim=st.booleans(), outcome=verdict_of)
def test_the_bytes_are_those_that_protobuf_writes(
    data: st.DataObject, attributes: list[int], outcome: int, *, per_claim: bool
) -> None:
    """Both answers parse, and serialise again to the same bytes; their sizes are equal."""
    verdicts = [data.draw(verdict_of) for _ in attributes]
    released, blocked = answer.both(
        request_id=REQUEST_ID,
        attributes=tuple(attributes),
        outcome=outcome,
        verdicts=verdicts,
        per_claim=per_claim,
        as_of=answer.as_of_field(AS_OF),
    )
    for variant, shown in (
        (released, verdicts),
        (blocked, [attribute_pb2.VERDICT_BLOCKED] * len(attributes)),
    ):
        parsed = verification_pb2.VerifyResponse.FromString(variant.body)
        assert parsed.SerializeToString() == variant.body
        assert parsed.outcome == variant.outcome
        assert parsed.as_of == AS_OF
        assert [item.attribute for item in parsed.verdicts] == (attributes if per_claim else [])
        assert [item.verdict for item in parsed.verdicts] == (shown if per_claim else [])
        assert variant.verdicts == (bytes(shown) if per_claim else b"")
    assert len(released.body) == len(blocked.body)
