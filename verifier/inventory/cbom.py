"""The keys as a CycloneDX 1.6 CBOM (ECMA-424): each key, and each algorithm that one is used with. Pure.

Public facts alone: ids, states, dates, sizes, and for signing keys the RFC 7638 thumbprint. Written by hand, since it
is some lines of JSON; tests hold it against the schema that CycloneDX publishes.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from keys.purpose import Algorithm, is_known, parse, rules
from keys.ringformat import moment
from keys.signing import thumbprint
from keys.state import KeyState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from keys.keyset import Keyring
    from verifier.inventory.standing import Standing

_WRAPPING: Final = "aes-256-gcm"
_ALGORITHMS: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(
    {
        Algorithm.HMAC_SHA256: {
            "primitive": "mac",
            "parameterSetIdentifier": "256",
            "cryptoFunctions": ["tag"],
            "classicalSecurityLevel": 256,
        },
        Algorithm.HKDF_SHA256: {
            "primitive": "kdf",
            "parameterSetIdentifier": "256",
            "cryptoFunctions": ["keyderive"],
            "classicalSecurityLevel": 256,
        },
        Algorithm.ED25519: {
            "primitive": "signature",
            "parameterSetIdentifier": "Ed25519",
            "curve": "Ed25519",
            "cryptoFunctions": ["sign", "verify"],
            "classicalSecurityLevel": 128,
            "nistQuantumSecurityLevel": 0,
        },
        _WRAPPING: {
            "primitive": "ae",
            "parameterSetIdentifier": "256",
            "mode": "gcm",
            "cryptoFunctions": ["encrypt", "decrypt"],
            "classicalSecurityLevel": 256,
            "nistQuantumSecurityLevel": 5,
        },
    }
)
_STATES: Final[Mapping[KeyState, str]] = MappingProxyType(
    {state: "pre-activation" if state is KeyState.PRE_ACTIVE else str(state) for state in KeyState}
)
_MECHANISMS: Final = MappingProxyType({"pkcs11": "HSM"})


def build(
    ring: Keyring, keys: Sequence[Standing], *, scheme: str, release: str, serial: str, now: datetime
) -> dict[str, Any]:
    """Write the document.

    Args:
        ring: the keyring.
        keys: how each of its keys stands.
        scheme: of the URI of the KEK's provider.
        release: version of padan-server.
        serial: a fresh UUID.
        now: wall clock, UTC.
    """
    used = [*Algorithm, _WRAPPING]
    kek = _material(
        "kek", f"key-encryption key {ring.kek_id}", {"type": "secret-key", "id": ring.kek_id, "size": 256}
    )
    if scheme in _MECHANISMS:
        kek["cryptoProperties"]["relatedCryptoMaterialProperties"]["securedBy"] = {
            "mechanism": _MECHANISMS[scheme]
        }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": moment(now),
            "component": {
                "type": "application",
                "bom-ref": "padan-server",
                "name": "padan-server",
                "version": release,
            },
            "properties": [
                {"name": "padan:registry", "value": ring.realm.registry_id},
                {"name": "padan:environment", "value": ring.realm.environment},
                {"name": "padan:keyring-counter", "value": str(ring.counter)},
                {"name": "padan:kek-provider", "value": scheme},
            ],
        },
        "components": [*(_algorithm(name) for name in used), kek, *(_key(standing) for standing in keys)],
        "dependencies": [
            {"ref": "padan-server", "dependsOn": [_ref(standing) for standing in keys]},
            *({"ref": _ref(standing), "dependsOn": ["kek"]} for standing in keys if standing.key.wrapped),
        ],
    }


def _algorithm(name: str) -> dict[str, Any]:
    return {
        "type": "cryptographic-asset",
        "bom-ref": f"algorithm/{name}",
        "name": name,
        "cryptoProperties": {"assetType": "algorithm", "algorithmProperties": dict(_ALGORITHMS[name])},
    }


def _material(ref: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "cryptographic-asset",
        "bom-ref": ref,
        "name": name,
        "cryptoProperties": {
            "assetType": "related-crypto-material",
            "relatedCryptoMaterialProperties": properties,
        },
    }


def _ref(standing: Standing) -> str:
    return f"key/{standing.key.key_id}"


def _key(standing: Standing) -> dict[str, Any]:
    key = standing.key
    properties: dict[str, Any] = {
        "type": "private-key" if key.public else "secret-key",
        "id": str(key.key_id),
        "state": _STATES[key.state],
        "creationDate": moment(key.created),
    }
    if is_known(standing.purpose):
        properties["size"] = 8 * rules(parse(standing.purpose)).size
        properties["algorithmRef"] = f"algorithm/{key.algorithm}"
    if key.activated is not None:
        properties["activationDate"] = moment(key.activated)
    if standing.due is not None:
        properties["expirationDate"] = moment(standing.due)
    if key.wrapped:
        properties["securedBy"] = {"mechanism": "Software", "algorithmRef": f"algorithm/{_WRAPPING}"}
    made = _material(_ref(standing), f"{standing.purpose} key, version {standing.version}", properties)
    told = {"padan:purpose": standing.purpose, "padan:primary": str(standing.primary).lower()}
    if key.public:
        told["padan:thumbprint"] = thumbprint(key.public)
    made["properties"] = [{"name": name, "value": value} for name, value in told.items()]
    return made
