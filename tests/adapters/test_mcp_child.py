import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dlp.adapters.mcp_gateway import Gateway
from dlp.config import McpServer

from .mcp_shell import Http, Shell, call, request

SERVER = (sys.executable, str(Path(__file__).parent / "mcp_misbehaving.py"))
SERVERS = {name: McpServer(name, command=SERVER) for name in ("one", "two")}


@asynccontextmanager
async def serving(shell: Shell) -> AsyncIterator[Http]:
    gateway = Gateway(shell, SERVERS, shell.begin, shell.finish, clock=shell.wall.clock, hosts={}, trust="")
    try:
        yield Http(gateway, f"{shell.session.id}.{shell.secret}")
    finally:
        await gateway.close()


@pytest.fixture(scope="module")
def shell() -> Shell:
    return Shell()


def run(shell: Shell, story: Any) -> None:
    async def told() -> None:
        async with serving(shell) as http:
            await story(http)

    asyncio.run(told())


def text_of(message: Any) -> str:
    return str(message["result"]["content"][0]["text"])


def test_a_call_reaches_its_server_and_comes_back_judged(shell: Shell):
    async def story(http: Http) -> None:
        _, _, told = await http.ask("/one/mcp", call(1, "echo", mail="jo.doe@example.org"))
        assert text_of(told[0]) == '{"mail": "[EMAIL_1]"}'
        assert told[0]["id"] == 1

    run(shell, story)


def test_two_clients_may_use_one_id_at_once(shell: Shell):
    async def story(http: Http) -> None:
        calls = [http.ask("/one/mcp", call(1, "echo", n=n)) for n in range(8)]
        told = [messages[0] for _, _, messages in await asyncio.gather(*calls)]
        assert [(each["id"], text_of(each)) for each in told] == [(1, f'{{"n": {n}}}') for n in range(8)]

    run(shell, story)


def test_an_mcp_session_has_a_process_of_its_own(shell: Shell):
    async def story(http: Http) -> None:
        status, fields, told = await http.ask("/one/mcp", request(1, "initialize", protocolVersion="2025-11-25"))
        own = fields["mcp-session-id"]
        assert (status, told[0]["result"]["protocolVersion"]) == (200, "2025-11-25")
        assert (await http.ask("/one/mcp", call(2, "echo"), mcp_session_id=own))[0] == 200
        assert (await http.ask("/one/mcp", call(2, "echo"), mcp_session_id="another"))[0] == 404
        status, _, told = await http.ask("/one/mcp", call(3, "die"), mcp_session_id=own)
        assert (status, told[0]["result"]["isError"]) == (200, True)
        assert (await http.ask("/one/mcp", None, "DELETE", mcp_session_id=own))[0] == 200
        assert (await http.ask("/one/mcp", call(4, "echo"), mcp_session_id=own))[0] == 404

    run(shell, story)


@pytest.mark.parametrize("trouble", ["die", "large", "hang"])
def test_a_server_in_trouble_ends_that_call_and_no_other(shell: Shell, trouble: str):
    async def story(http: Http) -> None:
        other = asyncio.ensure_future(http.ask("/two/mcp", call(5, "echo", x=1)))
        _, _, told = await http.ask("/one/mcp", call(1, trouble))
        assert (told[-1]["id"], told[-1]["result"]["isError"]) == (1, True)
        assert text_of((await other)[2][0]) == '{"x": 1}'
        if trouble == "die":  # it is started anew
            assert text_of((await http.ask("/one/mcp", call(2, "echo")))[2][0]) == "{}"

    run(shell, story)


@pytest.mark.parametrize(("trouble", "says"), [("garbage", "after garbage"), ("unasked", "asked")])
def test_what_is_no_answer_to_anything_is_not_passed_on(shell: Shell, trouble: str, says: str):
    async def story(http: Http) -> None:
        _, _, told = await http.ask("/one/mcp", call(1, trouble))
        assert [text_of(each) for each in told] == [says]

    run(shell, story)


def test_a_flood_is_survived(shell: Shell):
    async def story(http: Http) -> None:
        flooded = asyncio.ensure_future(http.ask("/one/mcp", call(1, "flood")))
        assert text_of((await http.ask("/two/mcp", call(1, "echo")))[2][0]) == "{}"
        assert (await flooded)[2][-1]["id"] == 1

    run(shell, story)


def test_progress_comes_before_its_answer_under_the_clients_own_token(shell: Shell):
    async def story(http: Http) -> None:
        _, fields, told = await http.ask("/one/mcp", call(1, "progress", {"progressToken": "mine"}))
        assert fields["content-type"] == "text/event-stream"
        assert told[0]["params"] == {"progressToken": "mine", "progress": 1, "message": "half"}
        assert text_of(told[1]) == "done"

    run(shell, story)


def test_a_server_that_cannot_be_started_is_said_so(shell: Shell):
    async def story(http: Http) -> None:
        gateway = http.app
        gateway.children["one"]._server = McpServer("one", command=("/nonexistent/program",))
        assert (await http.ask("/one/mcp", call(1, "echo")))[0] == 503

    run(shell, story)


def test_who_does_not_say_whose_session_it_is_gets_nothing(shell: Shell):
    async def story(http: Http) -> None:
        for bearer in ("", "no.session", f"{shell.session.id}.wrong"):
            status, fields, _ = await Http(http.app, bearer).ask("/one/mcp", call(1, "echo"))
            assert (status, "Bearer" in fields["www-authenticate"]) == (401, True)
        assert (await http.ask("/one/mcp", call(1, "echo"), origin="http://evil.example"))[0] == 403
        assert (await http.ask("/one/mcp", call(1, "echo"), host="evil.example"))[0] == 403
        assert (await http.ask("/one/mcp", call(1, "echo"), content_type="text/plain"))[0] == 415
        assert (await http.ask("/one/mcp", call(1, "echo"), accept="text/html"))[0] == 406
        assert (await http.ask("/one/mcp", None, "PUT"))[0] == 405
        assert (await http.ask("/nothing", call(1, "echo")))[0] == 404
        assert (await http.ask("/session", None, "GET"))[2][0]["session"] == shell.session.id

    run(shell, story)


def test_a_message_over_the_limit_is_an_error_on_that_call(shell: Shell):
    async def story(http: Http) -> None:
        status, _, told = await http.ask("/one/mcp", call(77, "echo", x="y" * 300_000))
        assert (status, told[0]["id"]) == (413, 77)
        status, _, told = await http.ask("/one/mcp", b'{"jsonrpc":"2.0","id":1,"method":"ping","x":1,"x":2}')
        assert (status, told[0]["id"]) == (200, 1)
        assert (await http.ask("/one/mcp", b"garbage"))[0] == 400

    run(shell, story)


def test_all_servers_are_one_under_joined_names(shell: Shell):
    async def story(http: Http) -> None:
        _, _, told = await http.ask("/mcp", request(1, "initialize", protocolVersion="2025-11-25"))
        assert told[0]["result"]["protocolVersion"] == "2025-11-25"
        assert (await http.ask("/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}))[0] == 202
        _, _, told = await http.ask("/mcp", request(2, "tools/list"))
        names = [tool["name"] for tool in told[0]["result"]["tools"]]
        assert names == ["one.echo", "two.echo", "search_tools"]
        _, fields, told = await http.ask("/mcp", call(3, "two.echo", mail="jo.doe@example.org"))
        assert text_of(told[0]) == '{"mail": "[EMAIL_1]"}'
        assert "mcp-session-id" not in fields
        _, _, told = await http.ask("/mcp", call(4, "search_tools", query="echo"))
        assert told[0]["result"]["structuredContent"]["total"] == 2
        assert "error" in (await http.ask("/mcp", call(5, "three.echo")))[2][0]
        assert (await http.ask("/mcp", None, "GET"))[0] == 405
        assert (await http.ask("/mcp", request(7, "ping")))[2][0]["result"] == {}

    run(shell, story)


def test_processes_end_with_their_session(shell: Shell):
    async def story(http: Http) -> None:
        await http.ask("/one/mcp", call(1, "echo"))
        children = http.app.children["one"]
        (child,) = children._children.values()
        children.sweep(lambda _session: False)
        await asyncio.gather(*children._ending)
        assert (child._process.returncode is not None, children._children) == (True, {})

    run(shell, story)


def test_a_client_that_leaves_cancels_its_call(shell: Shell):
    async def story(http: Http) -> None:
        asking = asyncio.ensure_future(http.ask("/one/mcp", call("a", "silent")))
        await http.ask("/one/mcp", call(2, "echo"))
        asking.cancel()
        await asyncio.wait([asking])
        assert text_of((await http.ask("/one/mcp", call(3, "cancelled")))[2][0]) in ("[1]", "[2]")

    run(shell, story)


def test_what_others_may_read_differently_is_an_error_and_the_next_goes_on(shell: Shell):
    async def story(http: Http) -> None:
        twice = b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","name":"die"}}'
        other_case = b'{"jsonrpc":"2.0","id":3,"method":"tools/call","Method":"ping","params":{"name":"echo"}}'
        for raw, number in ((twice, 2), (other_case, 3)):
            _, _, told = await http.ask("/one/mcp", raw)
            assert (told[0]["id"], "error" in told[0]) == (number, True)
        _, _, told = await http.ask("/one/mcp", call(4, "echo", x="[EMAIL_999]"))
        assert text_of(told[0]) == '{"x": "[~EMAIL_999]"}'

    run(shell, story)


def test_an_id_that_is_open_is_not_taken_twice_in_one_mcp_session(shell: Shell):
    async def story(http: Http) -> None:
        _, fields, _ = await http.ask("/one/mcp", request(1, "initialize", protocolVersion="2025-11-25"))
        own = fields["mcp-session-id"]
        waiting = asyncio.ensure_future(http.ask("/one/mcp", call(7, "silent"), mcp_session_id=own))
        await asyncio.sleep(0.3)
        _, _, told = await http.ask("/one/mcp", call(7, "echo"), mcp_session_id=own)
        assert (told[0]["id"], "error" in told[0]) == (None, True)
        _, _, told = await http.ask("/one/mcp", call(8, "echo"), mcp_session_id=own)
        assert text_of(told[0]) == "{}"
        assert (await waiting)[2][0]["result"]["isError"] is True  # it fell silent

    run(shell, story)


def test_the_messages_of_a_batch_are_answered_where_the_revision_has_them(shell: Shell):
    async def story(http: Http) -> None:
        _, fields, _ = await http.ask("/one/mcp", request(1, "initialize", protocolVersion="2025-03-26"))
        own = fields["mcp-session-id"]
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        batch = [call(7, "echo", n=7), note, call(8, "progress", meta={"progressToken": "p"}), call(7, "echo", n=9)]
        _, _, told = await http.ask("/one/mcp", batch, mcp_session_id=own)
        assert [one["id"] for one in told if "error" in one] == [None]  # one id twice
        assert {one["id"]: text_of(one) for one in told if "result" in one} == {7: '{"n": 7}', 8: "done"}
        assert [one["params"]["progressToken"] for one in told if "params" in one] == ["p"]
        assert (await http.ask("/one/mcp", [note], mcp_session_id=own))[0] == 202
        assert (await http.ask("/one/mcp", [], mcp_session_id=own))[0] == 400

    run(shell, story)


def test_where_no_revision_was_agreed_on_there_are_no_batches(shell: Shell):
    async def story(http: Http) -> None:
        status, _, told = await http.ask("/one/mcp", [call(1, "die")])
        assert (status, told[0]["id"], "error" in told[0]) == (400, None, True)
        assert text_of((await http.ask("/one/mcp", call(2, "echo")))[2][0]) == "{}"

    run(shell, story)


def test_an_address_of_no_server_tells_which_there_are(shell: Shell):
    async def story(http: Http) -> None:
        status, _, told = await http.ask("/three/mcp", call(1, "echo"))
        assert (status, told[0]["id"]) == (404, None)
        assert "/one/mcp, /two/mcp" in told[0]["error"]["message"]

    run(shell, story)


def test_an_mcp_session_ends_with_its_process(shell: Shell):
    async def story(http: Http) -> None:
        _, fields, _ = await http.ask("/one/mcp", request(1, "initialize", protocolVersion="2025-11-25"))
        own = fields["mcp-session-id"]
        await http.ask("/one/mcp", call(2, "die"), mcp_session_id=own)
        assert (await http.ask("/one/mcp", call(3, "echo"), mcp_session_id=own))[0] == 404

    run(shell, story)
