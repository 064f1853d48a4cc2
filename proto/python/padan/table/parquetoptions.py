"""How a Parquet file was written, so that it can be written anew in the same way. Assumes the extra `tables`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_ARROW_SCHEMA: Final = b"ARROW:schema"
_DICTIONARIES: Final = frozenset({"RLE_DICTIONARY", "PLAIN_DICTIONARY"})


def options_of(metadata: pq.FileMetaData) -> dict[str, Any]:
    """Give the options of `pyarrow.parquet.ParquetWriter` that a file's footer tells of.

    Args:
        metadata: of the file; one without rows tells little.
    """
    options: dict[str, Any] = {
        "version": metadata.format_version if metadata.format_version in {"1.0", "2.4", "2.6"} else "2.6",
        # Readers other than Arrow find nothing new in a file that had no schema of Arrow's.
        "store_schema": _ARROW_SCHEMA in (metadata.metadata or {}),
    }
    if not metadata.num_row_groups:
        return options
    group = metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    options["compression"] = {column.path_in_schema: column.compression for column in columns}
    options["use_dictionary"] = [
        column.path_in_schema for column in columns if _DICTIONARIES & set(column.encodings)
    ]
    options["write_statistics"] = [column.path_in_schema for column in columns if column.is_stats_set]
    options["use_deprecated_int96_timestamps"] = any(column.physical_type == "INT96" for column in columns)
    options["write_page_index"] = any(column.has_offset_index for column in columns)
    return options
