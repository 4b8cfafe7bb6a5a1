"""The simulation shares no code with the product, and the product none with it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("ingest", "models", "flows", "app", "notebooks")


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_demo_imports_nothing_of_the_product() -> None:
    files = list((ROOT / "demo").rglob("*.py"))
    assert len(files) > 20
    for path in files:
        assert not _imports(path) & set(PRODUCT), path


def test_product_code_imports_nothing_of_demo() -> None:
    for folder in ("ingest", "models", "app"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "demo" not in _imports(path), path


def test_answers_are_read_by_scoring_alone() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("demo", "ingest", "models", "flows", "app")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sql", ".yml") and "answer_key" in path.read_text(encoding="utf-8")
    }
    assert readers == {"demo/generation.py"}, "one module names the file; scoring takes its name from there"
