"""CloudWatch of a large account without its bill, in a process of its own: its work must not hold the product's.

    python -m tests.benchmarks.metric_endpoint RESOURCES [LATENCY_SECONDS]

Answers to GetMetricData are kept, ready to be sent, under the queries they were asked for: a second collection of the
same window meets an endpoint that costs next to nothing.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import serving
from demo.billing.books import keep_books
from demo.faults import Fault
from demo.generation import open_books
from demo.journal import Journal
from demo.parameters import Parameters, parse_end
from demo.routing import Router
from demo.services.cloudwatch import MetricService
from demo.standing import Account
from demo.telemetry.truth import Truth
from demo.wire import Request, Response
from tests import simulated
from tests.databases import CHECKOUT

END = parse_end(simulated.PRESENT)


def describe_account(resources: int) -> Parameters:
    """The account that is served."""
    return Parameters(1, END, resources, months=2)


class _KeepingRouter(Router):
    def __init__(self, directory: Path, **options: Any):
        super().__init__(directory, **options)
        self._kept: dict[bytes, Response] = {}

    def answer(self, request: Request) -> Response:
        """As the router's."""
        if b"MetricDataQueries" not in request.body:
            return super().answer(request)
        key = hashlib.blake2b(request.body + request.headers["authorization"].split("/")[2].encode()).digest()
        if key not in self._kept:
            response = super().answer(request)
            if response.status != 200:
                return response
            self._kept[key] = response
        else:
            # Whatever delays or refuses calls, does so for kept answers too.
            self.faults.meet(_DIALECT, "GetMetricData", "*", "*", request.path, "")
        return self._kept[key]


_DIALECT: Any = type("Dialect", (), {"service": "cloudwatch", "throttled": (400, "ThrottlingException")})


def main(resources: int, latency: float) -> None:
    """Serve until standard input ends."""
    parameters = describe_account(resources)
    estate = open_books(parameters, Journal(END)).estate
    metrics = MetricService(Truth(estate))

    def open_account(directory: Path, metrics_per_page: int, groups_per_page: int) -> Account:
        horizon = estate.horizon
        return Account(parameters, Journal(END), horizon, estate, metrics, lambda _: metrics, keep_books)

    faults = (Fault("latency", service="cloudwatch", seconds=latency),) if latency else ()
    serving.Router = _KeepingRouter  # type: ignore[misc]
    with (
        tempfile.TemporaryDirectory() as folder,
        serving.start(folder, opener=open_account, faults=faults) as endpoint,
    ):
        sys.stdout.write(json.dumps(endpoint.as_dict()) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


@dataclass(frozen=True)
class Served:
    """Where the endpoint is."""

    variables: dict[str, str]


@contextmanager
def serve(resources: int, latency: float = 0.0) -> Iterator[Served]:
    """Run the endpoint as long as the block runs."""
    command = [sys.executable, "-m", "tests.benchmarks.metric_endpoint", str(resources), str(latency)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            told = json.loads(process.stdout.readline())
            yield Served(
                {
                    "AWS_ENDPOINT_URL": told["endpoint"],
                    "AWS_ACCESS_KEY_ID": "simulated",
                    "AWS_SECRET_ACCESS_KEY": "simulated",
                    "AWS_DEFAULT_REGION": told["regions"][0],
                    "TIEOUT_ASSUME_ROLE_ARNS": " ".join(told["role_arns"]),
                    "TIEOUT_REGIONS": " ".join(told["regions"]),
                    "TIEOUT_DATA_ORIGIN": "demo",
                    "TIEOUT_MONTHLY_REQUEST_CAP_USD": "1000",
                }
            )
        finally:
            process.stdin.close()
            process.wait(30)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
