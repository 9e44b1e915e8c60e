"""An anchor of any Parquet files: what is held out is never replayed."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import InputError
from pipeline.replay.anchor import open_anchor
from schemas.finetune_inputs import ParquetAnchor


def write(path: Path, **columns: list[str | None]) -> None:
    pq.write_table(pa.table(columns), path)


def test_what_is_held_out_is_nowhere_among_what_is_replayed(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(100)]
    write(tmp_path / "a.parquet", text=texts, domain=["web"] * 50 + ["code"] * 50)
    write(tmp_path / "b.parquet", text=[*texts[:50], None, " "], domain=["web"] * 52)  # copies
    given = ParquetAnchor(parquet=("*.parquet",), heldout_documents=3)
    anchor = open_anchor(given, tmp_path)
    assert sorted(document.domain for document in anchor.heldout) == ["code"] * 3 + ["web"] * 3
    assert not {d.text for d in anchor.heldout} & {d.text for d in anchor.documents}
    assert len(anchor.documents) == 150 - 3 - 2 * 3
    assert open_anchor(given, tmp_path) == anchor


def test_other_names_of_columns_and_files_without_domains(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", content=[f"text {n}" for n in range(30)])
    anchor = open_anchor(ParquetAnchor(parquet=("a.parquet",), text_field="content"), tmp_path)
    assert {document.domain for document in anchor.documents} == {"all"}
    assert len(anchor.heldout) == 3  # a tenth


def test_a_changed_file_is_another_anchor(tmp_path: Path) -> None:
    given = ParquetAnchor(parquet=("a.parquet",))
    write(tmp_path / "a.parquet", text=[f"text {n}" for n in range(30)])
    first = open_anchor(given, tmp_path).fingerprint
    write(tmp_path / "a.parquet", text=[f"text {n}" for n in range(31)])
    assert open_anchor(given, tmp_path).fingerprint != first


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    def error(name: str = "a.parquet", **fields: str) -> str:
        with pytest.raises(InputError) as raised:
            open_anchor(ParquetAnchor(parquet=(name,), **fields), tmp_path)  # type: ignore[arg-type]
        return str(raised.value)

    assert "'none*.parquet' matches no file" in error("none*.parquet")
    write(tmp_path / "a.parquet", body=["x"] * 20)
    assert "no column 'text' (it has body); set anchor.text_field" in error()
    pq.write_table(pa.table({"text": list(range(20))}), tmp_path / "a.parquet")
    assert "column 'text' is of int64, not of text" in error()
    write(tmp_path / "a.parquet", text=[None, ""])
    assert "no text in a.parquet" in error()
    write(tmp_path / "a.parquet", text=["only", "two"])
    assert "too few documents (2) to hold any out" in error()
    (tmp_path / "a.parquet").write_bytes(b"PAR1 cut short")
    assert "a.parquet: not a Parquet file that can be read" in error()
