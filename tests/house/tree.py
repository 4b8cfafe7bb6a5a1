"""The checkout as the house tests read it: its files, its syntax trees, and what its SQL says."""

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("app", "demo", "flows", "ingest", "notebooks")


@functools.cache
def list_files() -> tuple[str, ...]:
    """Paths of the files that belong to the project, from the checkout's root: tracked, or new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted({path for path in listed.split("\0") if path and (ROOT / path).is_file()}))


def list_python(*folders: str) -> list[str]:
    """Paths of the Python files below `folders`; a folder without any is a test that reads nothing, so it fails."""
    found = [path for path in list_files() if path.endswith(".py") and path.split("/")[0] in folders]
    assert {path.split("/")[0] for path in found} == set(folders)
    return found


def parse(path: str) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


def list_imports(tree: ast.Module) -> set[str]:
    """Full names of the modules imported anywhere in a file, also by importlib.import_module("...")."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            if called in {"import_module", "__import__"} and isinstance(first, ast.Constant):
                names.add(str(first.value))
    return names


def imports_any(imported: set[str], *modules: str) -> set[str]:
    """Those of the imported names that are one of `modules` or lie below it."""
    return {name for name in imported for module in modules if f"{name}.".startswith(f"{module}.")}


def list_texts(tree: ast.Module) -> Iterator[str]:
    """Every string of a file but its docstrings; of an f-string, its fixed parts with a space between."""
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
            inner |= {id(part) for part in parts}
            yield " ".join(str(part.value) for part in parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


_SQL = re.compile(
    r"\b(?:select\b.*?\bfrom\b|insert\s+into\b|delete\s+from\b|update\b.*?\bset\b.*?=|truncate\s+table\b"
    r"|(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:table|view|schema|role|index|function)\b)",
    re.DOTALL,
)


def is_sql(text: str) -> bool:
    """Whether a string holds a statement. SQL is written in one case; a sentence begins with one capital letter."""
    return bool(_SQL.search(text) or _SQL.search(text.swapcase()))
