"""python -m demo generate | serve | advance | tell | score."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from demo import control, scoring, serving
from demo.errors import DemoError
from demo.faults import Fault
from demo.generation import generate
from demo.parameters import REPORT_FORMS, Parameters, parse_end
from demo.routing import Router
from demo.timeline import moment


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and the exit code of any other bad input."""
        self.exit(1, f"demo: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m demo", description="A simulated AWS account with planted waste.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("generate", help="make the account's files, or keep them where they are already there")
    make.add_argument("--seed", type=int, default=1, help="equal seed and end give byte-equal files (default 1)")
    make.add_argument("--end", help="the simulated present, an ISO hour (default: the last UTC midnight)")
    make.add_argument("--resources", type=int, default=300, help="root volumes not counted (default 300)")
    make.add_argument("--months", type=int, default=13, help="billing periods, the open one included (default 13)")
    make.add_argument("--hourly-days", type=int, default=90, help="last days billed by the hour (default 90)")
    make.add_argument("--negotiated-discount", type=int, default=0, metavar="PERCENT", help="adds the net columns")
    make.add_argument(
        "--report", action="append", choices=REPORT_FORMS, help="may be repeated (default legacy-csv)", dest="reports"
    )
    serve = commands.add_parser("serve", help="answer AWS clients over loopback until stopped")
    serve.add_argument("--port", type=int, default=0, help="default: any free one, named in the line that is printed")
    serve.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    serve.add_argument(
        "--fault",
        action="append",
        default=[],
        help="like kind=deny,service=ec2,action=Describe*,region=eu-west-1,times=3",
    )
    serve.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="that every answer is late by")
    serve.add_argument("--throttle", action="store_true", help="hold to AWS's published request rates")
    advance = commands.add_parser("advance", help="move the clock on; reports and metrics follow (not while served)")
    advance.add_argument("--hours", type=int)
    advance.add_argument("--to", help="an ISO hour")
    tell = commands.add_parser("tell", help="let something happen that no client can cause: Restate, DelayReports")
    tell.add_argument("action")
    tell.add_argument("details", nargs="?", default="{}", help="a JSON object")
    judge = commands.add_parser("score", help="judge evaluations (JSON array on stdin) by the answer key")
    judge.add_argument("--json", action="store_true", help="print the scores as JSON")
    for command in (make, serve, advance, tell, judge):
        command.add_argument("--directory", type=Path, required=True, help="the account's folder")
    return parser


def _generate(arguments: argparse.Namespace) -> None:
    parameters = Parameters(
        arguments.seed,
        parse_end(arguments.end),
        arguments.resources,
        arguments.months,
        arguments.hourly_days,
        arguments.negotiated_discount,
        tuple(arguments.reports or REPORT_FORMS[:1]),
    )
    started = time.monotonic()
    is_new = generate(arguments.directory, parameters)
    what = f"made in {time.monotonic() - started:.1f} s" if is_new else "already there"
    print(
        f"simulated account in {arguments.directory}: seed {parameters.seed},"
        f" present {parameters.end:%Y-%m-%d %H:%M} UTC, {parameters.resources} resources and their root volumes; {what}"
    )


def _serve(arguments: argparse.Namespace) -> None:
    faults = [Fault.parse(text) for text in arguments.fault]
    if arguments.latency:
        faults.insert(0, Fault("latency", seconds=arguments.latency))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options: dict[str, Any] = {"faults": tuple(faults), "throttle": arguments.throttle}
    with serving.start(arguments.directory, arguments.port, **options) as endpoint:
        print(json.dumps(endpoint.as_dict()), flush=True)
        serving.wait(stop, arguments.parent_pid)


def _advance(arguments: argparse.Namespace) -> None:
    router = Router(arguments.directory)
    now = router.advance(control.hours_ahead(router.account.now, arguments.hours, arguments.to))
    print(f"simulated account in {arguments.directory}: present {moment(now):%Y-%m-%d %H:%M} UTC")


def _tell(arguments: argparse.Namespace) -> None:
    try:
        details = json.loads(arguments.details)
    except ValueError as error:
        raise DemoError(f"details {arguments.details!r} are not JSON ({error})") from error
    router = Router(arguments.directory)
    router.tell(control.make_event(router.account.now, {"action": arguments.action, "details": details}))
    print(f"simulated account in {arguments.directory}: {arguments.action} happened")


def _score(arguments: argparse.Namespace) -> None:
    scoring.read_answers(arguments.directory)  # without a key, say so before waiting for input
    try:
        evaluations = json.load(sys.stdin)
    except ValueError as error:
        raise DemoError(f"standard input is not JSON ({error}); give an array of evaluations") from error
    scores = scoring.score(evaluations, arguments.directory)
    if arguments.json:
        print(json.dumps([result.as_dict() for result in scores], indent=1, ensure_ascii=False))
    else:
        print("\n".join(scoring.describe(result) for result in scores))


def main() -> int:
    """Run a command; 1 with one line on standard error for bad input."""
    arguments = _parser().parse_args()
    try:
        commands = {"generate": _generate, "serve": _serve, "advance": _advance, "tell": _tell, "score": _score}
        commands[arguments.command](arguments)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = error.filename or arguments.directory
        print(f"demo: {place}: {error.strerror or error}; name a folder that can be written", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
