"""What dbt knows of the project, parsed once; parsing needs no database."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """dbt's manifest of the checkout as it stands."""
    folder = tmp_path_factory.mktemp("manifest")
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "parse", "--no-partial-parse", "--target-path", str(folder), "--log-path", str(folder)]
    environment = os.environ | {"DBT_PROFILES_DIR": str(ROOT), "DBT_PROJECT_DIR": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
