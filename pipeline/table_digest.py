"""The digest of a table's rows, for tables too large to turn into objects."""

import hashlib

import numpy as np
import pyarrow as pa

from pipeline.buffers import text_buffers
from pipeline.fingerprint import fingerprint


def table_sha256(table: pa.Table) -> str:
    """Return the sha256, in hex, of columns of texts and numbers and their names.

    Depends on the rows and their order, not on how they are chunked; no row becomes an object.
    """
    digests = [(name, _column_sha256(table[name])) for name in table.column_names]
    return fingerprint("table", table.num_rows, digests)


def _column_sha256(column: pa.ChunkedArray) -> list[str]:
    """Return the digests of what is null, of the texts' lengths and of the content."""
    nulls, lengths, content = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for chunk in column.chunks:
        values = chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk
        nulls.update(values.is_null().to_numpy(zero_copy_only=False).tobytes())
        if pa.types.is_string(values.type):
            data, offsets = text_buffers(values.fill_null(""))
            lengths.update(np.diff(offsets).tobytes())
            content.update(data[offsets[0] : offsets[-1]].tobytes())
        else:
            content.update(values.fill_null(0).to_numpy().tobytes())
    return [part.hexdigest() for part in (nulls, lengths, content)]
