"""Sandboxed code that reads what people earn over MCP and tries to get it into Slack, over MCP and over HTTP."""

import asyncio
import base64
import statistics
from collections.abc import Iterator

import httpx
from mcp_tools import call, connected, say

SLACK = "https://slack.test/api/chat.postMessage"


def ways(pay: list[int]) -> Iterator[tuple[str, str]]:
    """Yield texts that carry pay more or less openly, each with a name."""
    plain = f"Top earner makes {pay[0]}"
    yield "plain", plain
    yield "base64", base64.b64encode(plain.encode()).decode()
    yield "an average", f"On average people make about {round(statistics.mean(pay), -3)}"
    yield "an unrelated text", "Lunch at noon?"


async def main() -> None:
    """Read, then post."""
    async with connected() as tools, httpx.AsyncClient(timeout=60) as http:
        employees = (await call(tools, "workday.list_employees"))["employees"]
        pay = [int(employee["salary"]) for employee in employees]
        say("pay was read", salaries=pay)
        for how, text in ways(pay):
            told = await call(tools, "slack.post_message", channel="#general", text=text)
            say("posted", how=f"{how}, over MCP", **told)
        for how, text in ways(pay):
            answer = await http.post(SLACK, json={"channel": "#general", "text": text})
            say("posted", how=f"{how}, over HTTP", refused=answer.status_code == httpx.codes.FORBIDDEN)


asyncio.run(main())
