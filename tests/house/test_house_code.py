"""The rooms of the Python code: who may import what, who may speak SQL, what is documented."""

import ast
import re

import pytest

from app.queries import MARTS
from tests.house.sql import read_tokens
from tests.house.tree import (
    PRODUCT,
    ROOT,
    imports_any,
    is_sql,
    list_files,
    list_imports,
    list_python,
    list_texts,
    parse,
)

# Every arrow goes forward: which rooms a room may import from, itself aside.
ROOMS: dict[str, tuple[str, ...]] = {
    "ingest": (),
    "demo": (),
    "app": ("ingest.environment", "ingest.errors"),
    "notebooks": ("app", "ingest.errors"),
    "flows": ("app", "ingest", "notebooks"),
}
EXCEPTIONS = {"flows/demonstration.py": ("demo",), "flows/judging.py": ("demo",)}
# Which files may import a library; a name that ends in / is a folder.
LIBRARIES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("boto3",): ("ingest/aws.py", "app/actions/"),
    ("botocore",): ("ingest/aws.py", "app/actions/", "demo/"),
    ("prefect",): ("flows/",),
    ("streamlit", "fastapi", "uvicorn", "starlette"): ("app/",),
    ("pandas",): ("notebooks/",),
    ("papermill", "jupytext", "nbformat", "nbconvert", "IPython"): ("notebooks/",),
    ("dbt",): (),
    ("psycopg", "psycopg_pool"): ("ingest/", "app/database.py"),
    ("adbc_driver_manager", "adbc_driver_postgresql"): ("ingest/",),
    ("anthropic",): ("app/",),
}
STREAMLIT_FILES = ("app/streamlit_app.py", "app/app_pages/", "app/frame.py", "app/listing.py")
QUERIES = [path for path in list_python("app") if path.startswith("app/queries/")]


def find_strangers(path: str, imported: set[str]) -> set[str]:
    """Imports that a file of the product may not have."""
    room = path.split("/")[0]
    allowed = (room, *ROOMS[room], *EXCEPTIONS.get(path, ()))
    strangers = imports_any(imported, *PRODUCT, "tests", "models") - imports_any(imported, *allowed)
    for modules, homes in LIBRARIES.items():
        if not any(path == home or (home.endswith("/") and path.startswith(home)) for home in homes):
            strangers |= imports_any(imported, *modules)
    return strangers


def test_the_import_check_finds_what_it_looks_for() -> None:
    source = "import boto3.session as b\nfrom app import queries\nimport importlib\nimportlib.import_module('demo.x')"
    imported = list_imports(ast.parse(source))
    assert imported == {"boto3.session", "app.queries", "importlib", "demo.x"}
    assert find_strangers("ingest/status.py", imported) == {"boto3.session", "app.queries", "demo.x"}
    assert find_strangers("flows/demonstration.py", imported) == {"boto3.session"}
    assert find_strangers("flows/daily.py", {"demo.scoring", "ingest.aws.explained", "prefect.flow"}) == {
        "demo.scoring"
    }
    assert find_strangers("ingest/aws.py", {"boto3", "dbtools"}) == set()
    assert find_strangers("app/api.py", {"prefect", "demo", "ingest.aws.open_account"}) == {
        "prefect",
        "demo",
        "ingest.aws.open_account",
    }


@pytest.mark.parametrize("path", list_python(*PRODUCT))
def test_imports_stay_in_their_rooms(path: str) -> None:
    assert find_strangers(path, list_imports(parse(path))) == set()


def test_only_pages_import_streamlit() -> None:
    users = {path for path in list_python("app") if imports_any(list_imports(parse(path)), "streamlit")}
    assert users and {path for path in users if not path.startswith(STREAMLIT_FILES)} == set()


def test_tests_of_the_product_import_the_simulation_and_only_they() -> None:
    users = {
        path.split("/")[0]
        for path in list_files()
        if path.endswith(".py") and imports_any(list_imports(parse(path)), "demo")
    }
    assert users <= {"demo", "tests", "flows"}


def test_the_simulation_reads_no_file_of_the_models() -> None:
    """No constant passes from the seeds to both sides, where one mistake would prove itself right."""
    readers = [
        path
        for path in list_python("demo")
        for text in list_texts(parse(path))
        if re.search(r"\b(?:seeds|models|macros)\b[/\"']?.*\.(?:csv|sql|yml)|^(?:seeds|models|macros)/?$", text)
    ]
    assert readers == []


def test_the_sql_check_finds_what_it_looks_for() -> None:
    source = (
        'def f():\n  """select a from b"""\n  return f"select {x} from marts.{y}", "SELECT 1\\nFROM b", "insert into c"'
    )
    texts = list(list_texts(ast.parse(source)))
    assert len(texts) == 3 and all(is_sql(text) for text in texts)
    assert is_sql("drop table x") and is_sql("with a as (select 1 from b) select 2") and is_sql("update a set b = 1")
    for sentence in ("Select one account from the list", "the latest update of a set", "deleted from the bill"):
        assert not is_sql(sentence)


@pytest.mark.parametrize("path", [path for path in list_python("app", "flows", "notebooks") if path not in QUERIES])
def test_no_sql_for_people_outside_queries(path: str) -> None:
    assert [text for text in list_texts(parse(path)) if is_sql(text)] == []


def test_no_sql_file_outside_models_and_ingest() -> None:
    folders = {path.rsplit("/", 1)[0].split("/")[0] for path in list_files() if path.endswith(".sql")}
    assert folders <= {"ingest", "macros", "models", "tests"}


def find_relations(statement: str) -> set[str]:
    """What a statement reads besides its own common table expressions and functions."""
    values = [token.value for token in read_tokens(statement)]
    own = {values[i] for i in range(len(values) - 2) if values[i + 1 : i + 3] == ["as", "("]}
    relations = set()
    for index, value in enumerate(values):
        before = values[index - 1] if index else ""
        if value not in {"from", "join"} or before == "distinct" or index + 1 == len(values):
            continue
        end = index + 2
        while values[end : end + 1] == ["."]:
            end += 2
        name = "".join(values[index + 1 : end])
        if values[end : end + 1] == ["("] or name == "(" or name in own:
            continue
        relations.add(name)
        if "," in values[end : end + 3] and "(" not in values[index - 3 : index]:
            following = values[end : end + 3]
            relations.add("a list of tables after " + name if following[0] == "," else name)
    return relations


def test_the_relation_reader_reads_what_it_should() -> None:
    statement = """with a as (select b from marts.c), d as (select 1 from a join raw.e on true)
        select x from unnest(y) where f is distinct from g and h in (select i from staging.j)"""
    assert find_relations(statement) == {"marts.c", "raw.e", "staging.j"}
    assert find_relations("select a from b, c") == {"b", "a list of tables after b"}


def test_queries_read_marts_alone_and_only_those_they_name() -> None:
    statements = [text for path in QUERIES for text in list_texts(parse(path)) if is_sql(text)]
    assert len(statements) > 20
    read = {relation for statement in statements for relation in find_relations(statement)}
    assert read == {f"marts.{mart}" for mart in MARTS}


def test_queries_hold_no_text_put_together_with_sql() -> None:
    """An f-string, %, + or format() around a statement is where an injection begins."""
    joined = [
        node
        for path in QUERIES
        for node in ast.walk(parse(path))
        if (isinstance(node, ast.JoinedStr) and is_sql(" ".join(list_texts(ast.Module([ast.Expr(node)], [])))))
        or (isinstance(node, ast.BinOp) and any(is_sql(text) for text in list_texts(ast.Module([ast.Expr(node)], []))))
    ]
    assert joined == []


def find_undocumented(tree: ast.Module) -> list[str]:
    """Public functions, methods and classes of a module without a docstring; a protocol's `...` speaks by its class."""
    found = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            found.append(node.name)
        for child in node.body if isinstance(node, ast.ClassDef) else []:
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
                continue
            is_declared = len(child.body) == 1 and isinstance(child.body[0], ast.Expr)
            if not ast.get_docstring(child) and not is_declared:
                found.append(f"{node.name}.{child.name}")
    return found


def test_the_docstring_check_finds_what_it_looks_for() -> None:
    source = "def a(): pass\ndef _b(): pass\nclass C:\n    '''C.'''\n    def d(self): return 1\n    def e(self): ..."
    assert find_undocumented(ast.parse(source)) == ["a", "C.d"]


@pytest.mark.parametrize("path", list_python("app", "flows", "ingest", "demo"))
def test_public_functions_are_documented(path: str) -> None:
    assert find_undocumented(parse(path)) == []


def test_modules_say_what_they_are() -> None:
    silent = [
        path
        for path in list_files()
        if path.endswith(".py")
        and not ast.get_docstring(parse(path))
        and (ROOT / path).read_text(encoding="utf-8").strip()
        and not (ROOT / path).read_text(encoding="utf-8").startswith("# ---\n# jupyter:")  # its first cell says it
    ]
    assert silent == []
