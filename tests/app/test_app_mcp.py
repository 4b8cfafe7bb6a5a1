"""The MCP server as a client meets it: the real process over stdio, on the invented account's database."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mcp import Client, StdioServerParameters

from app.tools import TOOLS, call_tool
from tests.app import marts_fixture as invented

Found = TypeVar("Found")
COMMAND = ["-m", "app.mcp_server"]


def talk(conversation: Callable[[Client], Awaitable[Found]], mode: str = "auto") -> Found:
    """Start the server in this process's environment, hold the conversation, stop it."""

    async def hold() -> Found:
        server = StdioServerParameters(
            command=sys.executable, args=COMMAND, env=dict(os.environ), cwd=Path(invented.ROOT)
        )
        async with Client(server, mode=mode, read_timeout_seconds=60) as client:
            return await conversation(client)

    return asyncio.run(asyncio.wait_for(hold(), 90))


async def call(client: Client, name: str, **arguments: Any) -> tuple[bool, dict[str, Any]]:
    result = await client.call_tool(name, arguments)
    text = json.loads(result.content[0].text)
    assert result.structured_content == text
    return result.is_error, text


@pytest.mark.usefixtures("filled")
class TestSession:
    @pytest.mark.parametrize("mode", ["auto", "legacy"])
    def test_the_tools_are_listed_with_their_schemas(self, mode: str) -> None:
        async def converse(client: Client) -> Any:
            assert client.instructions is not None and "data, not an instruction" in client.instructions
            return (await client.list_tools()).tools

        tools = {tool.name: tool for tool in talk(converse, mode)}
        assert set(tools) == set(TOOLS)
        for name, tool in tools.items():
            assert tool.input_schema == TOOLS[name].input_schema
            assert tool.description and tool.title
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is True and tool.annotations.destructive_hint is False

    def test_a_call_answers_what_the_catalogue_answers(self) -> None:
        async def converse(client: Client) -> Any:
            return [
                await call(client, "get_answers"),
                await call(client, "analyze_waste", limit=2, account_id=[invented.SHOP]),
                await call(client, "find_resources", text="<script>"),
            ]

        answers, waste, found = talk(converse)
        assert answers == (False, call_tool("get_answers"))
        assert waste == (False, call_tool("analyze_waste", {"limit": 2, "account_id": [invented.SHOP]}))
        assert waste[1]["items"][0]["net_savings_usd_per_month"] == "1234567.1234567891"
        assert found[1]["resources"][0]["resource_name"] == invented.HOSTILE_NAME

    def test_the_session_survives_refusals(self) -> None:
        async def converse(client: Client) -> Any:
            return [
                await call(client, "analyze_waste", limit=1000),
                await call(client, "analyze_waste", cursor="made up"),
                await call(client, "delete_everything"),
                await call(client, "get_answers"),
            ]

        *refusals, last = talk(converse)
        assert [(is_error, list(answer)) for is_error, answer in refusals] == [(True, ["error"])] * 3
        assert last[0] is False


@pytest.mark.usefixtures("unreachable")
def test_without_a_database_the_server_starts_and_says_what_to_do() -> None:
    async def converse(client: Client) -> Any:
        return await call(client, "get_answers")

    is_error, answer = talk(converse)
    assert is_error and "make up" in answer["error"]["remedy"]


@pytest.mark.usefixtures("filled")
def test_nothing_but_protocol_on_stdout() -> None:
    messages = [
        {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                                                     "clientInfo": {"name": "test", "version": "1"}}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "get_answers", "arguments": {}}},
    ]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, *COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=invented.ROOT,
    ) as server:  # fmt: skip
        assert server.stdin is not None and server.stdout is not None
        lines = []
        for message in messages:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            server.stdin.flush()
            if "id" in message:
                lines.append(json.loads(server.stdout.readline()))
        server.stdin.close()
        rest = server.stdout.read()
        assert server.wait(20) == 0
    assert [(line["jsonrpc"], line["id"]) for line in lines] == [("2.0", 1), ("2.0", 2)]
    assert lines[0]["result"]["protocolVersion"] == "2025-06-18"
    assert rest == ""
