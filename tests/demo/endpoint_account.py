"""One small whole account for the tests of the endpoint, made once, and copies of it that may be changed."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo import generation, serving
from demo.opening import open_account
from demo.parameters import Parameters, parse_end
from demo.timeline import draw_horizon
from demo.world.accounts import Account
from demo.world.estate import Estate
from demo.world.founding import draw_estate
from tests.demo.conftest import Served

PARAMETERS = Parameters(
    seed=11, end_hour=parse_end("2026-11-23T00:00:00+00:00"), resources=120, months=2, hourly_days=10
)
NOW = PARAMETERS.end_hour


@functools.cache
def original() -> Path:
    """The folder of the account, which no test may change."""
    scratch = Path(tempfile.mkdtemp(prefix="tieout-endpoint-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    directory = scratch / "account"
    assert generation.generate(directory, PARAMETERS, processes=1)
    return directory


@functools.cache
def estate() -> Estate:
    """What exists in it."""
    return draw_estate(PARAMETERS, draw_horizon(PARAMETERS))


@contextmanager
def serve(directory: Path, **options: Any) -> Iterator[Served]:
    """Serve a folder."""
    with serving.start(directory, opener=open_account, **options) as endpoint:
        yield Served(endpoint, directory)


@contextmanager
def serve_copy(scratch: Path, **options: Any) -> Iterator[Served]:
    """Serve a copy that may be changed."""
    with serve(Path(shutil.copytree(original(), scratch / "account")), **options) as served:
        yield served


def own_key(account: Account) -> dict[str, str]:
    """The credential of an administrator of an account."""
    return {"aws_access_key_id": f"AKIA{account.account_id}"}


def control(served: Served, what: str, asked: object = None, method: str = "POST") -> tuple[int, dict[str, Any]]:
    """Ask the control path; status and answer."""
    body = None if asked is None else json.dumps(asked).encode()
    request = urllib.request.Request(
        f"{served.at.endpoint}/_control/{what}", body, {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
