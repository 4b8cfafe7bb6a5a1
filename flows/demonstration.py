"""`make demo`: the daily flow against the simulated account, its findings judged by the account's answer key."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.errors import DemoError
from demo.generation import generate
from demo.parameters import Parameters, parse_end
from flows import daily
from flows.judging import describe, judge
from ingest import environment, ledger
from ingest.errors import IngestError

_CHECKOUT = Path(__file__).parents[1]
_DIRECTORY = Path(environment.find_state_dir()) / "demo"
# Whatever names another account, its credentials or its endpoint must not reach the demo.
_FOREIGN_VARIABLES = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION", "TIEOUT_REGIONS")


def main() -> int:
    """Run the demo; 0 when everything loaded, built and was reported."""
    started = time.monotonic()
    os.environ["TIEOUT_DATA_ORIGIN"] = "demo"
    try:
        ledger.create_raw_schema()
        ledger.refuse_other_origin()
        generate(_DIRECTORY, Parameters(1, parse_end(None)))
        with _serve() as account:
            _point_at(account)
            code = daily.main()
        if code == 0:
            sys.stdout.write(describe(judge(_DIRECTORY)) + "\n")
            sys.stdout.write(f"\nDone in {time.monotonic() - started:.0f} s.\n")
    except (IngestError, DemoError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return code


@contextmanager
def _serve() -> Iterator[dict[str, Any]]:
    """The simulated account in a process of its own, as AWS would be."""
    command = [sys.executable, "-m", "demo", "serve", "--directory", str(_DIRECTORY), "--parent-pid", str(os.getpid())]
    with subprocess.Popen(command, cwd=_CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise IngestError(
                    f"the simulated account in {_DIRECTORY} didn't start; remove the folder and try again"
                )
            yield json.loads(line)
        finally:
            process.terminate()


def _point_at(account: dict[str, Any]) -> None:
    for name in _FOREIGN_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(
        AWS_ENDPOINT_URL=account["endpoint"],
        AWS_ACCESS_KEY_ID="simulated",
        AWS_SECRET_ACCESS_KEY="simulated",  # noqa: S106 - the simulated account takes any
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        TIEOUT_ASSUME_ROLE_ARNS=",".join(account["role_arns"]),
        TIEOUT_CUR_SOURCE=account["cur_source"],
    )


if __name__ == "__main__":
    sys.exit(main())
