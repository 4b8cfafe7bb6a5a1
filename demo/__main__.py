"""python -m demo generate | serve | score."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from pathlib import Path

from demo import scoring, serving
from demo.errors import DemoError
from demo.generation import generate
from demo.parameters import Parameters, parse_end


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="A simulated AWS account with planted waste.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("generate", help="make the account's files, or keep them where they are already there")
    make.add_argument("--seed", type=int, default=1, help="equal seed and end give byte-equal files (default 1)")
    make.add_argument("--end", help="the simulated present, an ISO hour (default: the last UTC midnight)")
    make.add_argument("--resources", type=int, default=120, help="root volumes not counted (default 120)")
    serve = commands.add_parser("serve", help="answer AWS clients over loopback until stopped")
    serve.add_argument("--port", type=int, default=0, help="default: any free one, named in the line that is printed")
    serve.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    judge = commands.add_parser("score", help="judge evaluations (JSON array on stdin) by the answer key")
    judge.add_argument("--json", action="store_true", help="print the scores as JSON")
    for command in (make, serve, judge):
        command.add_argument("--directory", type=Path, required=True, help="the account's folder")
    return parser


def _generate(arguments: argparse.Namespace) -> None:
    parameters = Parameters(arguments.seed, parse_end(arguments.end), arguments.resources)
    started = time.monotonic()
    is_new = generate(arguments.directory, parameters)
    what = f"made in {time.monotonic() - started:.1f} s" if is_new else "already there"
    print(
        f"simulated account in {arguments.directory}: seed {parameters.seed},"
        f" present {parameters.end:%Y-%m-%d %H:%M} UTC, {parameters.resources} resources and their root volumes; {what}"
    )


def _serve(arguments: argparse.Namespace) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with serving.start(arguments.directory, arguments.port) as endpoint:
        print(json.dumps(endpoint.as_dict()), flush=True)
        serving.wait(stop, arguments.parent_pid)


def _score(arguments: argparse.Namespace) -> None:
    answers = scoring.read_answers(arguments.directory)
    try:
        evaluations = json.load(sys.stdin)
    except ValueError as error:
        raise DemoError(f"standard input is not JSON ({error}); give an array of evaluations") from error
    scores = scoring.score(evaluations, answers)
    if arguments.json:
        print(json.dumps([result.as_dict() for result in scores], indent=1, ensure_ascii=False))
    else:
        print("\n".join(scoring.describe(result) for result in scores))


def main() -> int:
    """Run a command; 1 with one line on standard error for bad input."""
    arguments = _parser().parse_args()
    try:
        {"generate": _generate, "serve": _serve, "score": _score}[arguments.command](arguments)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
