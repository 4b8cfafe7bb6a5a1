"""A double of the Messages API: a local HTTP server that answers what a test says, and keeps what it was sent."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = dict[str, Any]


@dataclass
class Double:
    """`replies` are given in order, the last one again and again; `requests` are the bodies that came."""

    address: str
    replies: list[Reply] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def take(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def list_results(self) -> list[dict[str, Any]]:
        """Every tool result that was sent, in order."""
        messages = self.requests[-1]["messages"]
        contents = [message["content"] for message in messages if isinstance(message["content"], list)]
        return [block for content in contents for block in content if block["type"] == "tool_result"]


def say(text: str, stop_reason: str = "end_turn") -> Reply:
    """A reply in words."""
    return _message([{"type": "text", "text": text}], stop_reason)


def use(*calls: tuple[str, Any]) -> Reply:
    """A reply that calls tools: pairs of name and arguments."""
    blocks = [
        {"type": "tool_use", "id": f"toolu_{place}", "name": name, "input": arguments}
        for place, (name, arguments) in enumerate(calls)
    ]
    return _message([{"type": "text", "text": "Looking it up."}, *blocks], "tool_use")


def fail(status: int, kind: str, message: str = "no") -> Reply:
    """An error as the API words it."""
    return {"status": status, "body": {"type": "error", "error": {"type": kind, "message": message}}}


def hang(seconds: float) -> Reply:
    """Nothing for so long."""
    return {**say("too late"), "wait": seconds}


def _message(content: list[dict[str, Any]], stop_reason: str) -> Reply:
    return {
        "status": 200,
        "body": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "double", "content": content,
            "stop_reason": stop_reason, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 5},
        },
    }  # fmt: skip


@contextmanager
def serve() -> Iterator[Double]:
    """The double, listening on 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            double.requests.append(json.loads(body))
            # Releases of the SDK differ in the header that they send the key in.
            double.keys.append(self.headers["x-api-key"] or self.headers["authorization"].removeprefix("Bearer "))
            reply = double.take()
            time.sleep(reply.get("wait", 0))
            sent = reply["body"] if isinstance(reply["body"], bytes) else json.dumps(reply["body"]).encode()
            try:
                self.send_response(reply["status"])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)
            except OSError:
                pass  # whoever asked has gone: that is what a timeout is

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double = Double(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
