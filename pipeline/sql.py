"""DuckDB as this project uses it: in memory up to a limit, silent, and never on the network.

Beyond the limit it spills into the folder it is given.
"""

from pathlib import Path

import duckdb


def connect(memory_limit: str, spill: Path | str) -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty database; rows come in any order unless a query says."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit,
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,  # they are downloaded
        },
    )
    connection.execute("SET enable_progress_bar = false")  # it is drawn over what we say ourselves
    return connection
