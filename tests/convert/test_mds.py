"""MDS: every row in order, by a reader that follows the format's description alone."""

import itertools
import json
import shutil
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.convert.mds import COLUMNS, convert_build, encode_file, encode_row, fill
from pipeline.errors import InputError, OutputError
from pipeline.output import read_manifest
from tests.support.building import run, write_recipe


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made")
    run(write_recipe(made), made / "build", made / "store")
    return made / "build"


def read(data: bytes) -> list[dict[str, Any]]:
    """Read a file value by value."""
    (count,) = struct.unpack_from("<I", data)
    places = struct.unpack_from(f"<{count + 1}I", data, 4)
    header = json.loads(data[4 * (count + 2) : places[0]])
    assert places[-1] == len(data)
    return [read_sample(data[start:end], header) for start, end in itertools.pairwise(places)]


def read_sample(data: bytes, header: dict[str, Any]) -> dict[str, Any]:
    sizes = header["column_sizes"]
    num_varying = sizes.count(None)
    varying = iter(struct.unpack_from(f"<{num_varying}I", data))
    place, row = 4 * num_varying, {}
    columns = zip(header["column_names"], header["column_encodings"], sizes, strict=True)
    for name, encoding, size in columns:
        value = data[place : place + (next(varying) if size is None else size)]
        place += len(value)
        row[name] = {
            "str": lambda value: value.decode(),
            "int": lambda value: struct.unpack("<q", value)[0],
            "float32": lambda value: struct.unpack("<f", value)[0],
        }[encoding](value)
    assert place == len(data)
    return row


def without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    missing = {"quality": float("nan"), "quality_band": -1}
    return {name: missing.get(name, "") if row[name] is None else row[name] for name in COLUMNS}


@pytest.mark.parametrize("size_limit", [1, 5_000, 1 << 26])
def test_every_row_is_there_in_order(build: Path, tmp_path: Path, size_limit: int) -> None:
    num_documents = convert_build(build, tmp_path / "mds", size_limit)
    index = json.loads((tmp_path / "mds/index.json").read_text())
    found = []
    for entry in index["shards"]:
        data = (tmp_path / "mds" / entry["raw_data"]["basename"]).read_bytes()
        rows = read(data)
        assert len(rows) == entry["samples"]
        assert len(data) == entry["raw_data"]["bytes"]
        assert sha256(data).hexdigest() == entry["raw_data"]["hashes"]["sha256"]
        assert len(data) <= size_limit or len(rows) == 1
        found += rows
    expected = [without_nulls(row) for row in ds.dataset(build / "shards").to_table().to_pylist()]
    assert list(map(repr, found)) == list(map(repr, expected))  # NaN is unlike itself
    assert len(found) == num_documents


@given(st.lists(st.text(max_size=50), min_size=1), st.integers(1, 3_000))
def test_any_text_is_read_again(texts: list[str], size_limit: int) -> None:
    rows = [{**dict.fromkeys(COLUMNS), "text": text, "num_tokens": 7} for text in texts]
    files = fill(map(encode_row, rows), size_limit)
    found = [row for samples in files for row in read(encode_file(samples))]
    assert [row["text"] for row in found] == texts


def test_a_conversion_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    build: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        convert_build(build, tmp_path / "mds")
    with pytest.raises(InputError, match="holds shards for MosaicML's streaming; give a build"):
        read_manifest(tmp_path / "mds")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="no earlier output"):
        convert_build(build, tmp_path / "mine")
    with pytest.raises(InputError, match=r"no manifest\.json in it"):
        convert_build(tmp_path / "mine", tmp_path / "other")


def test_a_damaged_shard_is_named_and_leaves_nothing(build: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(build, damaged)
    first = min((damaged / "shards").glob("*.parquet"))
    first.write_bytes(first.read_bytes()[:-100])
    with pytest.raises(InputError, match=rf"{first.name}: cannot be read"):
        convert_build(damaged, tmp_path / "mds")
    assert not (tmp_path / "mds").exists()
