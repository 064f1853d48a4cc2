"""Objects that hold keys show nothing and go nowhere."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from keys.agent_client import SocketKeyAgent
from keys.block import BlockKey
from keys.envelope import generate
from keys.gathering import Gathering
from keys.handing import ShareKey
from keys.kek import Kek
from keys.keyset import Keyring
from keys.mac import MacKey
from keys.meter import Uncounted
from keys.period import make_period, open_period
from keys.probekey import Holder, ProbeKeys, SharedProbeKey, make_probe_key
from keys.realm import Realm
from keys.seal import RingSeal, SealKey
from keys.secret import Material, Secret
from keys.signing import Signer
from keys.templatekey import TemplateKey, TemplateKeys
from keys.tokenkey import TokenKey
from keys.tokenkeys import TokenKeys
from tests.unit.keys.test_quorum import dealt

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = b"the key that nobody may read 123"
REALM = Realm(registry_id="registry-test", environment="development")


def probe_key() -> SharedProbeKey:
    """Make a probe key."""
    return make_probe_key(realm=REALM, signer=Signer(KEY), born=0.0, wall=0.0)


MAKERS: dict[str, Callable[[], Secret]] = {
    "Material": lambda: Material(KEY),
    "MacKey": lambda: MacKey(KEY),
    "BoundMac": lambda: MacKey(KEY).bind(b"prefix"),
    "BlockKey": lambda: BlockKey(KEY),
    "SealKey": lambda: SealKey(KEY),
    "RingSeal": lambda: RingSeal(primary=SealKey(KEY), readers={0: SealKey(KEY)}),
    "Signer": lambda: Signer(KEY),
    "Kek": lambda: Kek(KEY),
    "Period": lambda: open_period(realm=REALM, auditors_key=generate()[1], born=0.0),
    "SharedPeriod": lambda: make_period(realm=REALM, auditors_key=generate()[1], born=0.0),
    "ProbeKey": lambda: probe_key().lend(),
    "ProbeKeys": lambda: ProbeKeys([probe_key().lend()]),
    "SharedProbeKey": probe_key,
    "Holder": Holder,
    "SocketKeyAgent": lambda: SocketKeyAgent(
        ring=Keyring(realm=REALM, counter=1, kek_id=""), materials={1: Material(KEY)}
    ),
    "TokenKey": lambda: TokenKey(KEY, info=b""),
    "Quotient": lambda: TokenKey(KEY, info=b"one").toward(TokenKey(KEY, info=b"other")),
    "TemplateKey": lambda: TemplateKey(KEY),
    "TemplateKeys": lambda: TemplateKeys(REALM, bytearray(KEY)),
    "TokenKeys": lambda: TokenKeys(REALM, lambda _name: [], Uncounted()),
    "Gathering": lambda: Gathering(dealt().generation),
    "ShareKey": ShareKey,
    "LocalKeyAgent": lambda: LocalKeyAgent(
        ring=Keyring(realm=REALM, counter=1, kek_id=""), materials={1: Material(KEY)}
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_secret_is_not_shown(name: str) -> None:
    """repr, str and format name the type and nothing else."""
    secret = MAKERS[name]()
    assert repr(secret) == str(secret) == f"{secret}" == f"<{name}>"


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(name: str, protocol: int) -> None:
    """No protocol of pickle takes a key out of the process."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(MAKERS[name](), protocol)


@pytest.mark.parametrize("name", MAKERS)
def test_a_secret_is_not_copied(name: str) -> None:
    """Neither kind of copy doubles a key."""
    secret = MAKERS[name]()
    for copier in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not copied"):
            copier(secret)


def test_every_secret_type_is_tested_here() -> None:
    """A new type that holds keys cannot be forgotten in this file."""

    def descendants(kind: type[Secret]) -> set[str]:
        below: list[type[Secret]] = kind.__subclasses__()
        return {child.__name__ for child in below if child.__module__.startswith("keys.")}.union(
            *(descendants(child) for child in below)
        )

    assert descendants(Secret) == set(MAKERS)


def test_wiping_material_zeroes_its_buffer() -> None:
    """The bytes are overwritten in place."""
    material = Material(KEY)
    buffer = material.view()
    assert (len(material), bytes(buffer)) == (32, KEY)
    material.wipe()
    assert bytes(buffer) == bytes(32)
