"""Equal parameters give byte-equal folders, and a folder is kept, refused or made again as it deserves."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.calendars import draw_horizon
from demo.charges import keep_books
from demo.errors import DemoError
from demo.estate import draw_estate
from demo.generation import generate
from demo.parameters import Parameters, parse_end
from demo.spend import sum_spend
from tests.demo.conftest import PARAMETERS

ROOT = Path(__file__).parents[2]


def _digests(root: Path) -> dict[str, tuple[str, int]]:
    return {
        path.relative_to(root).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            # The store's Last-Modified is the file's time, so it is part of what must repeat.
            int(path.stat().st_mtime) if "s3" in path.relative_to(root).parts else 0,
        )
        for path in root.rglob("*")
        if path.is_file()
    }


def _run_generate(folder: Path) -> str:
    command = [sys.executable, "-m", "demo", "generate", "--directory", str(folder), "--seed", str(PARAMETERS.seed)]
    command += ["--end", PARAMETERS.end.isoformat(), "--resources", str(PARAMETERS.resources)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_damaged_folder_is_made_again_byte_for_byte_and_then_kept(account: Path, tmp_path: Path) -> None:
    """Another process makes from equal parameters what this one made."""
    folder = tmp_path / "account"
    shutil.copytree(account, folder)
    victim = next(folder.rglob("*-1.csv.gz"))
    victim.write_bytes(victim.read_bytes()[:100])
    assert "made in" in _run_generate(folder)
    assert _digests(folder) == _digests(account)
    assert "already there" in _run_generate(folder)


def test_another_seed_gives_another_account() -> None:
    spends = []
    for seed in (7, 8):
        parameters = Parameters(seed, PARAMETERS.end_hour, 60)
        spends.append(set(sum_spend(keep_books(draw_estate(parameters, draw_horizon(parameters))))))
    # Fees of the reservations and the credit don't depend on the seed, and a small sum may be equal by chance.
    assert len(spends[0] & spends[1]) < 0.2 * len(spends[0])


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DemoError, match="not a simulated account"):
        generate(tmp_path, PARAMETERS)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_bad_parameters_are_named() -> None:
    with pytest.raises(DemoError, match="not an ISO time"):
        parse_end("yesterday")
    with pytest.raises(DemoError, match="whole hour"):
        parse_end("2026-11-23T00:30:00")
    with pytest.raises(DemoError, match="--resources 5"):
        Parameters(1, PARAMETERS.end_hour, 5)
