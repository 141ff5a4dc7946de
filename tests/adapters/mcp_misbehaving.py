"""A stdio server in a few lines, which does what its tools are called."""

import json
import os
import sys
import time

BEGUN: list[object] = []
CANCELLED: list[object] = []
WAITING: list[object] = []


def say(**message: object) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def serve(message: dict) -> None:  # noqa: C901, PLR0912 - one branch a kind of trouble
    """Do as the tool is called."""
    number, params = message.get("id"), message.get("params", {})
    method, tool = message.get("method"), params.get("name")
    if method == "initialize":
        BEGUN.append(number)
        asked = params.get("protocolVersion")
        revision = asked if asked == "2025-03-26" else "2025-11-25"
        info = {"name": "m", "version": "1"}
        say(id=number, result={"protocolVersion": revision, "capabilities": {"tools": {}}, "serverInfo": info})
    elif method == "tools/list":
        say(id=number, result={"tools": [{"name": "echo", "inputSchema": {}}]})
    elif method == "notifications/cancelled":
        CANCELLED.append(params.get("requestId"))
    elif method is None:
        text = json.dumps(message.get("result", message.get("error")))
        say(id=WAITING.pop(), result={"content": [{"type": "text", "text": text}]})
    elif tool == "ask":
        WAITING.append(number)
        say(
            id=0, method="sampling/createMessage", params={"messages": [], "maxTokens": 1, "systemPrompt": sys.argv[-1]}
        )
    elif method != "tools/call":
        if number is not None:
            say(id=number, result={})
    elif tool == "die":
        os._exit(3)
    elif tool == "garbage":
        sys.stdout.write("Traceback: not a message\n\x00\xff{]\n")
        say(id=number, result={"content": [{"type": "text", "text": "after garbage"}]})
    elif tool == "large":
        say(id=number, result={"content": [{"type": "text", "text": "x" * 300_000}]})
    elif tool == "flood":
        for count in range(300):
            say(method="notifications/message", params={"level": "info", "data": f"line {count}"})
        say(id=number, result={"content": []})
    elif tool == "unasked":
        say(id="never made", result={"content": []})
        say(id=number, result={"content": [{"type": "text", "text": "asked"}]})
    elif tool == "progress":
        token = params.get("_meta", {}).get("progressToken")
        say(method="notifications/progress", params={"progressToken": token, "progress": 1, "message": "half"})
        say(id=number, result={"content": [{"type": "text", "text": "done"}]})
    elif tool == "hang":
        time.sleep(60)
    elif tool == "silent":
        pass
    elif tool == "begun":
        say(id=number, result={"content": [{"type": "text", "text": str(len(BEGUN))}]})
    elif tool == "cancelled":
        say(id=number, result={"content": [{"type": "text", "text": str(CANCELLED)}]})
    else:
        text = json.dumps(params.get("arguments", {}))
        say(id=number, result={"content": [{"type": "text", "text": text}]})


for line in sys.stdin:
    serve(json.loads(line))
