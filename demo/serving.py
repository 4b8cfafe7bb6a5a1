"""The HTTP endpoint: loopback only, HTTP/1.1 with kept connections, one thread a connection."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from demo import control
from demo.errors import DemoError
from demo.reports.forms import FORMS
from demo.routing import ConnectionDropped, Router
from demo.timeline import moment
from demo.wire import Request, Response
from demo.world import accounts

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Endpoint:
    """Where a served account is and how to reach into it; ``end`` is the simulated present (ISO, UTC)."""

    endpoint: str
    cur_source: str
    payer_account_id: str
    role_arns: list[str]
    regions: list[str]
    end: str

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, router: Router, port: int):
        self.router = router
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of ours; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "SimulatedAWS"
    sys_version = ""
    # Buffered and without Nagle's delay: otherwise headers and body in two small packets cost 40 ms a request.
    wbufsize = 65_536
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, parts.query, headers, body)
        try:
            router = self.server.router
            response = control.answer(router, request) if control.is_control(request) else router.answer(request)
        except ConnectionDropped:
            self.close_connection = True
            return
        except Exception:
            # A fault of the simulation itself: the client sees what a failing service would send, we see the cause.
            traceback.print_exc()
            response = Response(500, {"Content-Type": "text/plain"}, b"the simulated account failed; see its output")
        self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - names that http.server calls

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 304:
            length = len(response.body) if response.length is None else response.length
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD" and response.status != 304:
            self.wfile.write(response.body)
            # A body that ends before the announced length: only the closed connection tells the client.
            self.close_connection |= response.length is not None and response.length > len(response.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The header Date: the account's present, as AWS's own clock is of its world."""
        return super().date_time_string(self.server.router.account.now * 3600)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests aren't logged: a sync makes thousands."""


def _describe(server: _Server) -> Endpoint:
    return Endpoint(
        endpoint=f"http://{LOOPBACK}:{server.server_address[1]}",
        cur_source=FORMS[server.router.parameters.reports[0]].source,
        payer_account_id=accounts.PAYER.account_id,
        role_arns=[account.role_arn for account in accounts.LINKED],
        regions=[region.code for region in accounts.REGIONS],
        end=moment(server.router.account.now).isoformat(),
    )


@contextmanager
def start(directory: Path | str, port: int = 0, **options: Any) -> Iterator[Endpoint]:
    """Serve a generated folder from a thread of this process, as long as the block runs.

    ``options``: the router's (metrics_per_page, groups_per_page, faults, throttle). Raises DemoError where the folder
    holds no account or the port is taken.
    """
    if not 0 <= port <= 65_535:
        raise DemoError(f"--port {port}: ports are 0 (any free one) to 65535")
    router = Router(Path(directory), **options)
    try:
        server = _Server(router, port)
    except OSError as error:
        raise DemoError(
            f"port {port} of {LOOPBACK} can't be opened ({error.strerror}); choose another --port"
        ) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield _describe(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait(stop: threading.Event, parent_pid: int | None) -> None:
    """Return when ``stop`` is set or the process ``parent_pid`` is gone."""
    # Where it is our real parent, a change of parent is surer than its number, which another process may get.
    is_child = parent_pid is not None and os.getppid() == parent_pid
    while not stop.wait(0.5):
        if parent_pid is None:
            continue
        if (is_child and os.getppid() != parent_pid) or not _is_alive(parent_pid):
            return
