"""Sandboxed code that reads reviews over MCP and posts a summary, over MCP and over HTTP."""

import asyncio

import httpx
from mcp_tools import call, connected, say

SLACK = "https://slack.test/api/chat.postMessage"


async def main() -> None:
    """Read, summarise, post; wait for a person where one is asked."""
    async with connected() as tools, httpx.AsyncClient(timeout=60) as http:
        employees = (await call(tools, "workday.list_employees"))["employees"]
        say("pay was read", employees=employees)
        lines = []
        for employee in employees:
            review = await call(tools, "workday.get_review", employee=employee["id"])
            say("a review was read", review=review)
            lines.append(
                f"{employee['name']} ({employee['email']}): rated {review['rating']}, earns {employee['salary']}"
            )
        message = {"channel": "#hr-reviews", "text": "\n".join(lines)}
        say("posted to #general", **await call(tools, "slack.post_message", **{**message, "channel": "#general"}))
        asked = await call(tools, "slack.post_message", **message)
        say("posted over MCP", **asked)
        await wait(http, asked)
        say("posted over MCP again", **await call(tools, "slack.post_message", **message))
        problem = (await http.post(SLACK, json=message)).json()
        say("posted over HTTP", **problem)
        await wait(http, problem)
        say("posted over HTTP again", status=(await http.post(SLACK, json=message)).status_code)


async def wait(http: httpx.AsyncClient, problem: dict[str, dict[str, str]]) -> None:
    """Wait until somebody has answered; the status can be read by this session, and only read."""
    status_url = problem.get("approval", {}).get("status_url")
    for _ in range(60 if status_url else 0):
        if (await http.get(status_url)).json().get("status") != "pending":
            return
        await asyncio.sleep(0.2)


asyncio.run(main())
