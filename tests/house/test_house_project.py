"""The rules of the project's files: nothing secret, everything pinned, every command and variable explained."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.scanning import find_forbidden, scan_file
from tests.house.tree import ROOT, list_files

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-setup.txt")
TARGETS = {"setup", "demo", "up", "down", "test", "test-full", "build", "app", "api", "report", "lint", "bench"}
TARGETS |= {"accuracy", "docs", "clean"}
# Set by `ingest.environment` for its own children; nobody else may set it.
INTERNAL_VARIABLES = {"TIEOUT_OWN_VARIABLES", "TIEOUT_DATA_ORIGIN"}
# Names the file that the others stand in, so it can't stand there itself.
OUTSIDE_THE_FILE = {"TIEOUT_ENV_FILE"}


def read(path: str) -> str:
    """A file of the checkout."""
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_scan_finds_what_it_looks_for(tmp_path: Path) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"
    bad = [
        f"key = {key}",
        "aws_secret_access_key = " + "a1/+" * 10,
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "gh" + "p_" + "a" * 36,
        "postgresql://user:" + "hunter2@host/db",
        "--index" + "-url https://mirror.example/x",
        "https://" + "pypi.org/simple/",
        "https://files." + "pythonhosted.org/packages/a",
        "see /" + "work/main/x",
        "PATH=/" + "root/bin",
        "/" + "home/anna/x",
    ]
    assert [text for text in bad if not find_forbidden(text)] == []
    good = [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "AKIAANYTHING",
        "postgresql://{user}:{password}@host",
        "git/" + "work/tree, .tieout/root/x, https://example.com/" + "work/x",
    ]
    assert [(text, find_forbidden(text)) for text in good if find_forbidden(text)] == []
    broken = tmp_path / "a.yml"
    broken.write_text("a: [1\nb: }")
    assert len(scan_file(broken)) == 1
    big = tmp_path / "big"
    big.write_bytes(b"x" * 2_000_000)
    assert len(scan_file(big)) == 1
    broken.write_text(key)
    command = [sys.executable, "-m", "tests.house.scanning", str(broken)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1 and "an AWS access key id" in result.stdout and key not in result.stdout


def test_no_file_holds_what_it_may_not() -> None:
    finds = {path: scan_file(ROOT / path) for path in list_files()}
    assert len(finds) > 100
    assert {path: found for path, found in finds.items() if found} == {}


def read_lock(text: str) -> tuple[dict[str, str], list[str]]:
    """(version by name, lines that aren't a pinned requirement with its hashes) of a lock file."""
    versions: dict[str, str] = {}
    loose: list[str] = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = line.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(
            r"([A-Za-z0-9._-]+)(?:\[[\w, -]+\])?==([^\s;]+)(?:\s*;[^\\]*?)?(?:\s+--hash=sha256:[0-9a-f]{64})+", line
        )
        if match:
            versions[match[1].lower()] = match[2]
        else:
            loose.append(line[:80])
    return versions, loose


def test_the_lock_reader_tells_loose_lines() -> None:
    pinned = "a[b]==1.2 ; python_version < '4' \\\n    --hash=sha256:" + "0" * 64 + "\n    # via c\n"
    assert read_lock(pinned) == ({"a": "1.2"}, [])
    for loose in ("a==1.2", "a>=1 --hash=sha256:" + "0" * 64, "--index" + "-url x", "a @ file:///x"):
        assert read_lock(loose)[1] == [loose[:80]]


def test_locks_pin_everything_with_hashes_and_agree() -> None:
    locks = {name: read_lock(read(name)) for name in LOCKS}
    assert {name: loose for name, (_, loose) in locks.items() if loose} == {}
    product, development = locks["requirements.txt"][0], locks["requirements-dev.txt"][0]
    assert len(product) > 50
    assert {name for name, version in product.items() if development.get(name) != version} == set()
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = {
        re.split(r"[\[<>=!~; ]", line)[0].lower(): line
        for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    }
    assert set(wanted) - set(development) == set()
    for name, below in (("dbt-core", (1, 12)), ("fastapi", (0, 151))):
        assert f"<{'.'.join(map(str, below))}" in wanted[name], name
        assert tuple(map(int, product[name].split(".")[:2])) < below, name


def read_targets() -> dict[str, str]:
    """The Makefile's targets for people, with their help line; empty where one has none."""
    rules = re.findall(r"^([a-z][a-z-]*):(?!=)[^#\n]*(?:##[ ]*(.*))?$", read("Makefile"), re.MULTILINE)
    return {name: text.strip() for name, text in rules}


def test_every_make_target_has_its_line_of_help_and_stands_in_the_readme() -> None:
    targets = read_targets()
    assert set(targets) >= TARGETS
    assert [name for name, text in targets.items() if not text] == []
    phony = re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)
    assert phony is not None and set(phony[1].split()) == set(targets)
    readme = read("README.md")
    # `help` is what `make` alone does
    assert [name for name in targets if name != "help" and not re.search(rf"\bmake {name}(?![\w-])", readme)] == []


def test_every_variable_is_explained() -> None:
    code = [path for path in list_files() if path.endswith((".py", ".sh", ".yml", ".yaml", ".toml", "Makefile"))]
    code = [path for path in code if not path.startswith("tests/")]
    used = {name for path in code for name in re.findall(r"\bTIEOUT_[A-Z_]+\b", read(path))} - INTERNAL_VARIABLES
    assert used
    example = set(re.findall(r"\bTIEOUT_[A-Z_]+\b", read(".env.example")))
    assert used - OUTSIDE_THE_FILE == example
    pages = "".join(read(path) for path in list_files() if path == "README.md" or re.fullmatch(r"docs/\w.*\.md", path))
    assert {name for name in used if name not in pages} == set()


def test_example_environment_sets_nothing() -> None:
    assert [line for line in read(".env.example").splitlines() if line.strip() and not line.startswith("#")] == []


def list_exposures() -> list[dict[str, Any]]:
    """What models/exposures.yml declares."""
    exposures: list[dict[str, Any]] = yaml.safe_load(read("models/exposures.yml"))["exposures"]
    return exposures


def test_every_page_and_notebook_is_an_exposure() -> None:
    declared = {exposure["config"]["meta"]["file"] for exposure in list_exposures()}
    consumers = {path for path in list_files() if re.fullmatch(r"app/app_pages/\w+\.py", path)}
    consumers |= {
        path
        for path in list_files()
        if re.fullmatch(r"notebooks/\w+\.py", path) and read(path).startswith("# ---\n# jupyter:")
    }
    assert len(consumers) > 2
    assert consumers - declared == set()
    assert {file for file in declared if not (ROOT / file).is_file()} == set()


def test_every_route_is_an_exposure() -> None:
    from app.api import app

    labels = {exposure["label"] for exposure in list_exposures()}
    routes = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if path.startswith("/api/")
    }
    assert routes and routes - labels == set()


def find_dead_links(page: str, text: str) -> list[str]:
    """Relative links of a Markdown page, and paths it names as files, that lead nowhere."""
    dead = []
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists():
            dead.append(target)
        elif anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
            if anchor not in anchors:
                dead.append(target)
    return dead


def test_the_link_check_finds_dead_links() -> None:
    text = "[a](nowhere.md) [b](https://example.com/x) [c](#no-such-heading) [d](../Makefile) ![e](none.png)"
    assert find_dead_links("docs/simulated-account.md", text) == ["nowhere.md", "#no-such-heading", "none.png"]


@pytest.mark.parametrize("page", [path for path in list_files() if path.endswith(".md")])
def test_links_resolve(page: str) -> None:
    assert find_dead_links(page, read(page)) == []


def test_ci_runs_what_a_developer_runs() -> None:
    lines = [line.strip() for line in read(".ci/run").splitlines()]
    assert {"set -euo pipefail", "export CI=true", "make test", "make test-full"} <= set(lines)
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_hooks_need_no_network() -> None:
    configuration = yaml.safe_load(read(".pre-commit-config.yaml"))
    hooks = [hook for repository in configuration["repos"] for hook in repository["hooks"]]
    assert {repository["repo"] for repository in configuration["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    entries = " ".join(hook["entry"] for hook in hooks)
    linters = ("ruff check", "ruff format", "mypy", "sqlfluff lint")
    assert [linter for linter in linters if f".venv/bin/{linter}" not in entries] == []
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert lint is not None and [linter for linter in linters if f"$(BIN)/{linter}" not in lint[1]] == []
