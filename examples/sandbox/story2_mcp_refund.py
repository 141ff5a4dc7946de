"""Sandboxed code that gets keys over MCP, uses them over MCP and HTTP, and is not careful which key is for what."""

import asyncio
import json

import httpx
from mcp_tools import call, connected, say

PAYMENTS = "https://api.payments.test/v1"


async def main() -> None:
    """Read both keys, then try them."""
    keys = {}
    async with connected("vault") as vault:
        for name in ("master", "refunds"):
            answer = await vault.read_resource(f"vault://payments/{name}")
            keys[name] = json.loads(answer.contents[0].text)["data"]["data"]["key"]
            say(f"the {name} key was read", key=keys[name])
    async with connected("payments") as payments:
        tries = (
            ("balance with the master key", "balance", {"api_key": keys["master"]}),
            ("balance with the refund key", "balance", {"api_key": keys["refunds"]}),
            ("refund of 20 with the master key", "refund", {"api_key": keys["master"], "charge": "ch_7", "amount": 20}),
            (
                "refund of 2,500 with the refund key",
                "refund",
                {"api_key": keys["refunds"], "charge": "ch_7", "amount": 2500},
            ),
            (
                "refund of 50,000 with the refund key",
                "refund",
                {"api_key": keys["refunds"], "charge": "ch_7", "amount": 50_000},
            ),
            (
                "the refund key as the charge",
                "refund",
                {"api_key": keys["refunds"], "charge": keys["refunds"], "amount": 20},
            ),
        )
        for step, tool, arguments in tries:
            say(step, **await call(payments, tool, **arguments))
    async with httpx.AsyncClient(timeout=60) as http:
        for name, key in keys.items():
            answer = await http.get(f"{PAYMENTS}/balance", headers={"Authorization": f"Bearer {key}"})
            say(f"balance over HTTP with the {name} key", status=answer.status_code)


asyncio.run(main())
