"""The architecture, kept by tests: who may import whom, and what stays out of where."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "pipeline", "flows")
STAGES = (
    "acquire", "normalize", "annotate", "filter", "dedup", "quality", "resample", "mixture",
    "sample", "export", "report", "audit", "replay",
)  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


EDGES = [(module, name) for module, path in modules() for name in imports(path)]


def offenders(where: str, banned: tuple[str, ...], unless: str = "-") -> list[str]:
    return [
        f"{module} imports {name}"
        for module, name in EDGES
        if within(module, where) and not within(module, unless)
        if any(within(name, package) for package in banned)
    ]


def test_schemas_import_nothing_of_ours() -> None:
    assert offenders("schemas", ("pipeline", "flows")) == []


def test_kernels_import_numpy_and_numba_alone() -> None:
    allowed = {
        "numpy",
        "numba",
        "pipeline.kernels",
        "collections",
        "typing",
        "functools",
        "hashlib",
        "os",
        "pathlib",
    }
    wrong = [
        f"{module} imports {name}"
        for module, name in EDGES
        if within(module, "pipeline.kernels")
        if not any(within(name, package) for package in allowed)
    ]
    assert wrong == []


def test_the_library_knows_no_orchestrator() -> None:
    assert offenders("pipeline", ("flows", "prefect")) == []
    assert offenders("schemas", ("prefect",)) == []


def test_torch_stays_in_replay() -> None:
    banned = ("torch", "transformers", "safetensors", "accelerate", "peft")
    for package in PACKAGES:
        assert offenders(package, banned, unless="pipeline.replay") == []


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_imports_another(stage: str) -> None:
    others = tuple(f"pipeline.{other}" for other in STAGES if other != stage)
    assert offenders(f"pipeline.{stage}", others) == []


def test_nothing_unsafe_is_imported() -> None:
    for package in PACKAGES:
        assert offenders(package, ("pickle", "marshal", "shelve", "dill", "cloudpickle")) == []


def test_importing_the_library_loads_neither_torch_nor_prefect() -> None:
    names = [m for m, _ in modules() if within(m, "pipeline") and ".replay" not in m]
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        "loaded = {'torch', 'transformers', 'prefect'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {sorted(loaded)}' if loaded else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_every_module_opens_by_saying_what_it_is() -> None:
    silent = [m for m, path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_files_and_functions_stay_small() -> None:
    parsed = {module: ast.parse(path.read_text()) for module, path in modules()}
    long_files = [m for m, path in modules() if path.read_text().count("\n") > 400]
    long_functions = [
        f"{module}.{node.name}"
        for module, tree in parsed.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long_files + long_functions == []


def test_no_path_of_one_machine_is_in_the_project() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    files = [ROOT / name for name in listed.stdout.splitlines()]
    marks = ("/" + "root/", "/" + "home/", "/" + "work/")
    found = [
        str(path)
        for path in files
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".txt"} and path.is_file()
        if path != Path(__file__) and any(mark in path.read_text() for mark in marks)
    ]
    assert found == []
