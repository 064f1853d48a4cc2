"""The URI of a key in a token: RFC 7512 as far as it goes here. Pure.

`pkcs11:token=LABEL;object=LABEL?module-path=PATH&pin-source=PATH&kek-file=PATH`, and `serial=` where labels repeat.
`kek-file` is ours, as the RFC lets vendors add attributes. A PIN in the URI (`pin-value`) is refused, since URIs stand
in configurations and process lists; so are a command as its source and every attribute that would be passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from keys.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SCHEME: Final = "pkcs11:"
_PATH: Final = frozenset({"token", "object", "serial", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source", "kek-file"})
_FORM: Final = "pkcs11:token=LABEL;object=LABEL?module-path=PATH&pin-source=PATH&kek-file=PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUri:
    """What a URI says.

    Args:
        token: the token's label.
        object: label of the keys that are made in it.
        serial: the token's serial number; empty where its label is enough.
        module: the vendor's PKCS#11 module.
        pin_file: where the PIN stands; None asks.
        kek_file: where the sealed KEK stands.
    """

    token: str
    object: str
    serial: str
    module: Path
    pin_file: Path | None
    kek_file: Path


def parse(uri: str, folder: Path) -> TokenUri:
    """Read a URI.

    Args:
        uri: begins with `pkcs11:`.
        folder: what relative paths start from.

    Raises:
        ProviderError: something is missing, repeated, unknown, or would put a secret into the URI.
    """
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    where = _attributes(path.split(";"), _PATH)
    how = _attributes(query.split("&") if query else [], _QUERY)
    missing = [name for name in ("token", "object") if name not in where]
    missing += [name for name in ("module-path", "kek-file") if name not in how]
    if missing:
        raise ProviderError(f"the token's URI lacks {', '.join(missing)}; its form is {_FORM}")
    if where.get("type", "secret-key") != "secret-key":
        raise ProviderError("the token's URI may say type=secret-key, since the KEK's keeper is one")
    return TokenUri(
        token=where["token"],
        object=where["object"],
        serial=where.get("serial", ""),
        module=folder / how["module-path"],
        pin_file=folder / _file(how["pin-source"]) if "pin-source" in how else None,
        kek_file=folder / how["kek-file"],
    )


def _attributes(parts: Iterable[str], known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise ProviderError(
                "a PIN does not belong into a URI: put it into a file and name that, pin-source=PATH"
            )
        if name not in known:
            told = name if equals and name.replace("-", "").isalnum() else "a part that is no attribute"
            raise ProviderError(f"the token's URI has {told}, which is not used here; its form is {_FORM}")
        if name in found or not value:
            raise ProviderError(f"the token's URI has {name} twice or without a value; its form is {_FORM}")
        found[name] = unquote(value)
    return found


def _file(source: str) -> str:
    if source.startswith("|"):
        raise ProviderError("a command that prints the PIN is not run: name a file, pin-source=PATH")
    return source.removeprefix("file:").removeprefix("//")
