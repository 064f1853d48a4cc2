"""What the commands say when a database, its version or its roles fail: rows of the one table in failure.py."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from verifier.cli.failure_row import away, named, state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.cli.failure_row import Row

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "verifier.database.DatabaseAddressError": named(
            "write log_url and vault_url as postgresql://USER@HOST/DATABASE or as a path"
        ),
        "verifier.migrations.DatabaseVersionError": state(
            "run padan-server database upgrade, with the release that the servers run"
        ),
        "verifier.migrations.DatabaseFailedError": away("mend what is named above, then run it again"),
        "verifier.grants.NoRolesError": named(
            "let the projector run as the service's user: deploy/systemd/one-user.conf; docs/install.md"
        ),
        "verifier.grants.RoleError": state(
            "make roles and database as docs/install.md does, on PostgreSQL 15 or later: the service's owns it"
        ),
    }
)
