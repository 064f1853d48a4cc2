"""What the tables of each database are gathered in, so that migrations and backups find all of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

log_metadata: Final = MetaData()
vault_metadata: Final = MetaData()
