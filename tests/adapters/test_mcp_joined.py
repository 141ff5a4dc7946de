"""All servers behind one address: ids, revisions, servers that are missing, and what goes wrong with one of them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dlp.adapters.mcp_gateway import Gateway
from dlp.config import McpServer

from .mcp_shell import Http, Shell, call, modern, request

SERVER = (sys.executable, str(Path(__file__).parent / "mcp_misbehaving.py"))
SERVERS = {name: McpServer(name, command=(*SERVER, name)) for name in ("one", "two")}
BROKEN = {"broken": McpServer("broken", command=("/does/not/exist",))}


@asynccontextmanager
async def serving(shell: Shell, servers: Mapping[str, McpServer]) -> AsyncIterator[Http]:
    gateway = Gateway(shell, servers, shell.begin, shell.finish, clock=shell.wall.clock, hosts={}, trust="")
    try:
        yield Http(gateway, f"{shell.session.id}.{shell.secret}")
    finally:
        await gateway.close()


@pytest.fixture(scope="module")
def shell() -> Shell:
    return Shell()


def run(shell: Shell, story: Any, servers: Mapping[str, McpServer] = SERVERS) -> None:
    async def told() -> None:
        async with serving(shell, servers) as http:
            await story(http)

    asyncio.run(told())


def text_of(message: Any) -> str:
    return str(message["result"]["content"][0]["text"])


async def question(sent: list[MutableMapping[str, Any]]) -> Any:
    """Wait for what a server asks on a stream; return it."""
    for _ in range(500):
        for part in sent:
            for line in part.get("body", b"").split(b"\n"):
                if line.startswith(b"data: ") and b'"method"' in line:
                    return json.loads(line[6:])
        await asyncio.sleep(0.01)
    raise AssertionError("nobody asked")


def test_two_servers_may_ask_under_one_id_at_once_and_each_gets_its_own_answer(shell: Shell):
    async def story(http: Http) -> None:
        streams: dict[str, list[MutableMapping[str, Any]]] = {"one": [], "two": []}
        calls = {
            name: asyncio.ensure_future(http.ask("/mcp", call(7, f"{name}.ask"), into=sent))
            for name, sent in streams.items()
        }
        asked = {name: await question(sent) for name, sent in streams.items()}
        assert {name: one["params"]["systemPrompt"] for name, one in asked.items()} == {"one": "one", "two": "two"}
        assert asked["one"]["id"] != asked["two"]["id"]
        for name in ("two", "one"):
            answer = {"jsonrpc": "2.0", "id": asked[name]["id"], "result": {"to": name}}
            assert (await http.ask("/mcp", answer))[0] == 202
        for name, calling in calls.items():
            _, _, told = await calling
            assert (told[-1]["id"], text_of(told[-1])) == (7, f'{{"to": "{name}"}}')
        assert (await http.ask("/mcp", {"jsonrpc": "2.0", "id": 0, "result": {}}))[0] == 202  # nobody asked that

    run(shell, story)


def test_many_clients_may_use_one_id_and_one_progress_token_at_once(shell: Shell):
    async def story(http: Http) -> None:
        calls = [http.ask("/mcp", call(1, "one.echo", {"progressToken": 1}, n=n)) for n in range(8)]
        told = [messages[-1] for _, _, messages in await asyncio.gather(*calls)]
        assert [(each["id"], text_of(each)) for each in told] == [(1, f'{{"n": {n}}}') for n in range(8)]
        _, _, told = await http.ask("/mcp", call("p", "two.progress", {"progressToken": "mine"}))
        assert (told[0]["params"]["progressToken"], told[1]["id"]) == ("mine", "p")

    run(shell, story)


PAY = """
policy: pay
version: "1"
ner: off
classes: {pay: {level: restricted, says: What someone earns.}}
sources: {one: {at: "mcp://one/tools/echo", fields: {"$..pay": pay}}}
destinations: {one: {at: "mcp://one/**"}, two: {at: "mcp://two/**"}}
rules:
  - {name: pay may be read, says: It may., data: pay, from: one, to: [sandbox, one], then: allow}
"""


@pytest.mark.parametrize("listed", [True, False])
def test_how_often_a_session_that_carries_something_lists_says_next_to_nothing(*, listed: bool):
    shell = Shell(PAY)

    async def story(http: Http) -> None:
        async def lists() -> Any:
            return (await http.ask("/mcp", request(1, "tools/list")))[2][0]["result"]

        if listed:
            assert (await lists())["tools"]
        told = (await http.ask("/mcp", call(2, "one.echo", pay=118472)))[2]
        assert "118472" in text_of(told[0])
        assert shell.wall.taint(shell.session)
        await lists()  # from here on the server has heard all that it will
        shell.wall.log.clear()
        for _ in range(40):
            names = [tool["name"] for tool in (await lists())["tools"]]
            assert names == ["one.echo", "two.echo", "search_tools"]
        assert not shell.wall.log  # nothing that anybody said was judged

        refused = (await http.ask("/mcp", call(3, "two.echo")))[2][0]["result"]
        assert refused["isError"]

    run(shell, story)


def test_a_server_that_never_lists_is_not_asked_for_ever_for_a_session_that_carries_something():
    shell = Shell(PAY)

    async def story(http: Http) -> None:
        await http.ask("/mcp", call(2, "one.echo", pay=118472))
        asked = http.app._joined._told
        for _ in range(40):
            told = (await http.ask("/mcp", request(1, "tools/list")))[2][0]["result"]
        assert told["_meta"]["dlp/unavailable"] == [
            {"server": "broken", "why": "broken: with what this session carries it is asked for nothing more"}
        ]
        assert asked[shell.session.id, "broken"] == 40

    run(shell, story, SERVERS | BROKEN)


def test_an_answer_that_quotes_an_event_is_no_stream(shell: Shell):
    async def story(http: Http) -> None:
        await http.ask("/mcp", call(1, "one.echo"))
        (told,) = (await http.ask("/mcp", call("mine", "one.echo", a="data: x")))[2]
        assert (told["id"], text_of(told)) == ("mine", '{"a": "data: x"}')

    run(shell, story)


@pytest.mark.parametrize("swept", [True, False])
def test_a_server_that_ended_is_begun_anew(shell: Shell, *, swept: bool):
    async def story(http: Http) -> None:
        for say in (
            call,
            lambda number, tool, **arguments: modern(number, "tools/call", name=tool, arguments=arguments),
        ):
            for number in (1, 2):
                told = say(number, "one.begun")
                message, fields = told if isinstance(told, tuple) else (told, {})
                (answer,) = (await http.ask("/mcp", message, **fields))[2]
                assert (answer["id"], text_of(answer)) == (number, "1")
                told = say(3, "one.die")
                message, fields = told if isinstance(told, tuple) else (told, {})
                assert (await http.ask("/mcp", message, **fields))[2][0]["result"]["isError"]
                if swept:
                    http.app._each["one"].sweep(lambda _: True)

    run(shell, story)


def test_a_cancelled_call_is_cancelled_at_its_server(shell: Shell):
    async def story(http: Http) -> None:
        asking = asyncio.ensure_future(http.ask("/mcp", call("a", "one.silent")))
        await asyncio.sleep(0.3)
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "a"}}
        assert (await http.ask("/mcp", note))[0] == 202
        told = json.loads(text_of((await http.ask("/mcp", call(3, "one.cancelled")))[2][0]))
        assert len(told) == 1
        assert told != ["a"]
        asking.cancel()
        await asyncio.wait([asking])

    run(shell, story)


def test_a_list_says_which_servers_are_missing_from_it(shell: Shell):
    async def story(http: Http) -> None:
        shell.wall.log.clear()
        _, _, told = await http.ask("/mcp", request(1, "tools/list"))
        result = told[0]["result"]
        assert [tool["name"] for tool in result["tools"]] == ["one.echo", "two.echo", "search_tools"]
        (missing,) = result["_meta"]["dlp/unavailable"]
        assert missing["server"] == "broken"
        assert "did not answer" in missing["why"]
        assert ("mcp://broken:0", "upstream") in {(entry.upstream, entry.reason) for entry in shell.wall.log}
        _, _, told = await http.ask("/mcp", call(2, "search_tools", query="echo"))
        assert told[0]["result"]["_meta"]["dlp/unavailable"][0]["server"] == "broken"
        told = (await http.ask("/mcp", call(3, "broken.x")))[2]
        assert "error" in told[0] or told[0]["result"]["isError"]

    run(shell, story, SERVERS | BROKEN)


def test_where_no_server_answers_the_list_is_an_error(shell: Shell):
    async def story(http: Http) -> None:
        _, _, told = await http.ask("/mcp", request(1, "tools/list"))
        assert "broken" in told[0]["error"]["message"]

    run(shell, story, BROKEN)


def test_the_revision_without_sessions_is_spoken_to_clients_whatever_the_servers_speak(shell: Shell):
    async def story(http: Http) -> None:
        async def ask(number: object, method: str, **params: object) -> Any:
            message, fields = modern(number, method, **params)
            return (await http.ask("/mcp", message, **fields))[2][-1]

        told = (await ask(1, "server/discover"))["result"]
        assert "2026-07-28" in told["supportedVersions"]
        assert told["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "dlp"
        told = (await ask(2, "tools/list"))["result"]
        assert [tool["name"] for tool in told["tools"]] == ["one.echo", "two.echo", "search_tools"]
        assert (told["resultType"], told["cacheScope"], told["ttlMs"]) == ("complete", "private", 0)
        told = await ask(3, "tools/call", name="two.echo", arguments={"mail": "jo.doe@example.org"})
        assert (told["id"], told["result"]["resultType"], text_of(told)) == (3, "complete", '{"mail": "[EMAIL_1]"}')
        assert (await ask(4, "tools/call", name="search_tools", arguments={}))["result"]["resultType"] == "complete"
        for method in ("ping", "initialize", "logging/setLevel", "subscriptions/listen"):
            assert (await ask(5, method))["error"]["code"] == -32601
        assert (await ask(6, "tools/call", name="three.echo"))["error"]["code"] == -32602

    run(shell, story)


def test_what_head_and_message_say_must_be_the_same(shell: Shell):
    async def story(http: Http) -> None:
        message, fields = modern(1, "tools/call", name="one.echo")
        for wrong in ({"mcp_name": "two.echo"}, {"mcp_method": "ping"}, {"mcp_protocol_version": "2025-11-25"}):
            status, _, told = await http.ask("/mcp", message, **{**fields, **wrong})
            assert (status, told[0]["error"]["code"]) == (400, -32020)
        raw = json.dumps(message).replace("2026-07-28", "2027-01-01").encode()
        status, _, told = await http.ask("/mcp", raw, **{**fields, "mcp_protocol_version": "2027-01-01"})
        assert (status, told[0]["error"]["code"]) == (400, -32022)
        assert "2026-07-28" in told[0]["error"]["data"]["supported"]

    run(shell, story)


@pytest.mark.parametrize("trouble", ["die", "large", "hang"])
def test_a_server_in_trouble_ends_that_call_and_no_other(shell: Shell, trouble: str):
    async def story(http: Http) -> None:
        await http.ask("/mcp", call(0, "two.echo"))
        bad, good = await asyncio.gather(
            http.ask("/mcp", call(1, f"one.{trouble}")), http.ask("/mcp", call(1, "two.echo", n=1))
        )
        assert bad[2][-1]["result"]["isError"] is True
        assert text_of(good[2][-1]) == '{"n": 1}'

    run(shell, story)


@pytest.mark.parametrize(("trouble", "says"), [("garbage", "after garbage"), ("unasked", "asked")])
def test_what_is_no_answer_to_anything_is_not_passed_on(shell: Shell, trouble: str, says: str):
    async def story(http: Http) -> None:
        _, _, told = await http.ask("/mcp", call(1, f"one.{trouble}"))
        assert [text_of(one) for one in told] == [says]

    run(shell, story)


def test_a_flood_is_survived(shell: Shell):
    async def story(http: Http) -> None:
        _, _, told = await http.ask("/mcp", call(1, "one.flood"))
        assert told[-1]["result"] == {"content": []}
        assert text_of((await http.ask("/mcp", call(2, "two.echo", n=2)))[2][0]) == '{"n": 2}'

    run(shell, story)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"garbage", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one.echo","Name":"two.echo"}}', -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
    ],
    ids=["garbage", "key twice", "key in two cases", "batch", "version"],
)
def test_what_others_may_read_differently_is_an_error(shell: Shell, raw: bytes, code: int):
    async def story(http: Http) -> None:
        status, _, told = await http.ask("/mcp", raw)
        assert (status, told[0]["error"]["code"]) == (400, code)

    run(shell, story)


def test_a_message_over_the_limit_is_an_error_on_that_call(shell: Shell):
    async def story(http: Http) -> None:
        status, _, told = await http.ask("/mcp", call(9, "one.echo", text="x" * 300_000))
        assert (status, told[0]["id"]) == (413, 9)
        assert text_of((await http.ask("/mcp", call(2, "one.echo", n=2)))[2][0]) == '{"n": 2}'

    run(shell, story)


def test_text_of_a_server_that_looks_like_a_token_is_escaped(shell: Shell):
    async def story(http: Http) -> None:
        _, _, told = await http.ask("/mcp", call(1, "one.echo", x="[EMAIL_999]"))
        assert text_of(told[0]) == '{"x": "[~EMAIL_999]"}'

    run(shell, story)


def test_no_tool_can_take_the_name_of_anothers_or_of_the_gateways_own(shell: Shell):
    """A name is `SERVER.NAME`: whatever a server calls its tools, it cannot leave its own prefix."""

    async def story(http: Http) -> None:
        _, _, told = await http.ask("/mcp", request(1, "tools/list"))
        names = [tool["name"] for tool in told[0]["result"]["tools"]]
        assert len(names) == len(set(names))
        assert {name.partition(".")[0] for name in names} == {"one", "two", "search_tools"}

    run(shell, story)
