"""Notes, checkpoints, policies and proofs: the examples of the C2SP texts, and what is refused."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from padan.errors import LogError, LogFormatError, LogProofError, LogSignatureError, QuorumError
from padan.tlog import checkpoint, merkle, note, policy, proof
from padan.tlog.checkpoint import Checkpoint
from padan.tlog.note import Algorithm, VerifierKey
from padan.tlog.proof import LogProof

# From C2SP's signed-note text (CC BY 4.0).
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# From C2SP's tlog-cosignature text (CC BY 4.0), without the public keys, which it does not give.
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
ORIGIN = "log.example/padan"
LEAVES = [b"leaf %d" % number for number in range(5)]


class Signer:
    """A key with a name, the same in each run: names of tests are made of it."""

    def __init__(self, name: str, algorithm: Algorithm, salt: str = "") -> None:
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256((name + salt).encode()).digest())
        self.sign = private.sign
        self.key = VerifierKey(name, algorithm, private.public_key().public_bytes_raw())


LOG = Signer(ORIGIN, Algorithm.LOG)
ONE, TWO, THREE = (Signer(f"witness.example/{number}", Algorithm.COSIGNATURE) for number in (1, 2, 3))
POLICY = f"""
# The log, and two of three witnesses.
log {LOG.key} https://log.example/padan
witness one {ONE.key} http://127.0.0.1:1
witness two {TWO.key}
\twitness three\t{THREE.key}
group most 2 one two three
quorum most
"""


def node(level: int, index: int) -> bytes:
    """Give a subtree over the leaves."""
    return merkle.subtree_root(
        [merkle.leaf_hash(leaf) for leaf in LEAVES[index << level : (index + 1) << level]]
    )


def signed(*witnesses: Signer, log: Signer = LOG, text: str = "", time: int = 1_700_000_000) -> bytes:
    """Sign a checkpoint over the leaves."""
    text = text or Checkpoint(ORIGIN, len(LEAVES), merkle.root(len(LEAVES), node)).text
    lines = [note.sign(text, log.key, log.sign)]
    lines += [note.cosign(text, witness.key, witness.sign, time) for witness in witnesses]
    return note.join(text, lines)


def test_the_example_of_the_text() -> None:
    """The note of the C2SP text holds under its key, and comes back to the byte."""
    key = note.parse_key(VKEY)
    assert str(key) == VKEY
    parsed = note.parse(NOTE.encode())
    assert str(parsed) == NOTE
    (found,) = note.verify(parsed, [key])
    assert found.key == key
    with pytest.raises(LogSignatureError, match=r"example\.com/foo"):
        note.verify(note.parse(NOTE.replace("an example", "a example").encode()), [key])


def test_the_cosigned_example() -> None:
    """The checkpoint of the C2SP text is read, with both of its signatures."""
    parsed = note.parse(COSIGNED.encode())
    assert str(parsed) == COSIGNED
    stated = checkpoint.parse_text(parsed.text)
    assert (stated.origin, stated.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert stated.text == parsed.text
    log, witness = parsed.lines
    assert (log.key_id, witness.key_id) == (0x033DE0AE, 0x8D66CF3F)
    assert int.from_bytes(witness.signature[:8], "big") == 1_679_315_147
    assert len(witness.signature) == 72


def test_a_note_of_unknown_keys() -> None:
    """Signatures of unknown keys are ignored."""
    assert note.verify(note.parse(NOTE.encode()), [LOG.key]) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n\u2014 name AAAA",
        NOTE.removesuffix("\n"),
        NOTE.replace("\u2014", "-"),
        NOTE.replace("/foo ", "/foo  "),
        NOTE.replace("aQM=", "aQM"),
        NOTE.replace("aQM=", "aQN="),
        NOTE.replace("an example", "an\texample"),
        "text\n\n\u2014 name+plus AAAAAAAA\n",
        "text\n\n\u2014 name AAAA\n",
        "x" * (note.MAX_SIZE + 1),
    ],
)
def test_no_note(text: str) -> None:
    """What is cut off, reformatted or too large is no note."""
    with pytest.raises(LogFormatError):
        note.parse(text.encode())
    with pytest.raises(LogFormatError):
        note.parse(b"\xff\n\n" + NOTE.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        VKEY.replace("530d", "530e"),
        VKEY.replace("Aeky", "Beky"),
        VKEY.removesuffix("k"),
        VKEY.replace("example.com", "example com"),
        VKEY.upper(),
    ],
)
def test_no_key(text: str) -> None:
    """A mistyped key is refused before it is used."""
    with pytest.raises(LogFormatError):
        note.parse_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n5\n",
        "origin\n05\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n-5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2==\n",
        "origin\n5\nAAAA\n",
        "\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n",
    ],
)
def test_no_checkpoint(text: str) -> None:
    """A text that is not exactly a checkpoint is refused."""
    with pytest.raises(LogFormatError):
        checkpoint.parse_text(text)


def test_a_policy_believes() -> None:
    """A checkpoint of the log with a quorum of cosignatures is believed, and who cosigned is known."""
    believed = policy.parse(POLICY).believe(signed(ONE, THREE))
    assert believed.checkpoint.size == len(LEAVES)
    assert [(each.key, each.time) for each in believed.cosignatures] == [
        (ONE.key, 1_700_000_000),
        (THREE.key, 1_700_000_000),
    ]


def test_a_policy_does_not_believe() -> None:
    """Another log, another key, another origin, one witness twice or a changed text are not believed."""
    strict = policy.parse(POLICY)
    stranger = Signer(ORIGIN, Algorithm.LOG, "stranger")
    other = Checkpoint("log.example/other", 1, bytes(32)).text
    for data, why in (
        (signed(ONE), "not the quorum"),
        (signed(ONE, ONE), "1 of the policy's 3"),
        (signed(ONE, TWO, log=stranger), "no key"),
        (signed(ONE, TWO, text=other), "does not name"),
        (signed(ONE, TWO).replace(b"\n5\n", b"\n6\n"), "does not hold"),
    ):
        with pytest.raises(LogSignatureError, match=why):
            strict.believe(data)
    relabelled = note.parse(signed(ONE, TWO))
    (_, first, second) = relabelled.lines
    swapped = note.join(
        relabelled.text, [relabelled.lines[0], note.Line(first.name, first.key_id, second.signature)]
    )
    with pytest.raises(LogSignatureError, match="does not hold"):
        strict.believe(swapped)


def test_groups_of_groups() -> None:
    """Groups may hold groups, and all, any and numbers count as they say."""
    nested = policy.parse(
        f"log {LOG.key}\nwitness one {ONE.key}\nwitness two {TWO.key}\nwitness three {THREE.key}\n"
        "group some any one two\ngroup every all some three\nquorum every\n"
    )
    assert nested.met({ONE.key, THREE.key})
    assert nested.met({TWO.key, THREE.key})
    assert not nested.met({ONE.key, TWO.key})
    alone = policy.parse(f"log {LOG.key}\nquorum none\n")
    assert alone.believe(signed()).cosignatures == ()
    assert policy.parse(f"log {LOG.key}\nwitness one {ONE.key}\nquorum one\n").met({ONE.key})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no quorum"),
        (f"log {LOG.key}", "no quorum"),
        ("quorum none\nquorum none", "line 2 .* two quorums"),
        ("quorum one", "line 1 .* no line above"),
        (f"log {ONE.key}\nquorum none", "witness's"),
        (f"witness one {LOG.key}\nquorum none", "log's"),
        (f"log {LOG.key}\nlog {LOG.key}\nquorum none", "twice"),
        (f"witness one {ONE.key}\nwitness two {ONE.key}\nquorum none", "twice"),
        (f"witness none {ONE.key}\nquorum none", "taken"),
        (f"witness one {ONE.key}\ngroup one 1 one\nquorum none", "taken"),
        (f"witness one {ONE.key}\ngroup g 2 one\nquorum g", "threshold"),
        (f"witness one {ONE.key}\ngroup g 0 one\nquorum g", "threshold"),
        (f"witness one {ONE.key}\ngroup g 1 one one\nquorum g", "twice"),
        ("group g 1 one\nquorum g", "no line above"),
        ("logs x\nquorum none", "expected"),
        ("log\nquorum none", "expected"),
        ("log x\nquorum none", "line 1"),
        ("\n" * 2_000, "at most"),
    ],
)
def test_no_policy(text: str, why: str) -> None:
    """What is wrong with a policy is said, with its line."""
    with pytest.raises(LogFormatError, match=why):
        policy.parse(text)


def test_a_proof() -> None:
    """A proof file holds offline: leaf, path, checkpoint and policy belong together."""
    for index, leaf in enumerate(LEAVES):
        made = LogProof(
            index=index,
            path=tuple(merkle.inclusion_proof(index, len(LEAVES), node)),
            checkpoint=signed(ONE, TWO),
        )
        read = proof.parse(made.encode())
        assert read == made
        assert read.check(leaf, policy.parse(POLICY)).checkpoint.size == len(LEAVES)
        with pytest.raises(LogProofError):
            read.check(b"another leaf", policy.parse(POLICY))


def test_a_proof_without_its_witnesses() -> None:
    """Missing witnesses are told apart from what does not hold, and only where everything else does."""
    strict, leaf = policy.parse(POLICY), LEAVES[2]
    path = tuple(merkle.inclusion_proof(2, len(LEAVES), node))
    alone = LogProof(index=2, path=path, checkpoint=signed(ONE))
    with pytest.raises(QuorumError, match="1 of the policy's 3") as caught:
        alone.check(leaf, strict)
    assert caught.value.reason == "quorum"
    with pytest.raises(LogProofError):
        alone.check(b"another leaf", strict)
    stranger = Signer(ORIGIN, Algorithm.LOG, "stranger")
    with pytest.raises(LogSignatureError) as refused:
        LogProof(index=2, path=path, checkpoint=signed(ONE, log=stranger)).check(leaf, strict)
    assert not isinstance(refused.value, QuorumError)


def test_extra_data_is_passed_over() -> None:
    """Extra data, which nobody vouches for, changes nothing."""
    made = LogProof(index=0, path=(bytes(32),), checkpoint=signed())
    with_extra = made.encode().replace(b"\nindex", b"\nextra YWdl\nindex")
    assert proof.parse(with_extra) == made


def test_no_proof() -> None:
    """A proof that is cut off, changed or too long is refused; no byte of it can be changed."""
    leaf, strict = LEAVES[3], policy.parse(POLICY)
    data = LogProof(
        index=3, path=tuple(merkle.inclusion_proof(3, len(LEAVES), node)), checkpoint=signed(ONE, TWO)
    ).encode()
    for end in range(0, len(data), 7):
        with pytest.raises(LogError):
            proof.parse(data[:end]).check(leaf, strict)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(LogError):
            proof.parse(bytes(changed)).check(leaf, strict)
    hashes = b"\n".join([checkpoint.format_hash(bytes(32)).encode()] * 64)
    with pytest.raises(LogFormatError, match="at most 63"):
        proof.parse(b"c2sp.org/tlog-proof@v1\nindex 0\n" + hashes + b"\n\n" + signed())
    with pytest.raises(LogFormatError, match="at most"):
        proof.parse(bytes(proof.MAX_SIZE + 1))
