"""Sandboxed code that checks a balance and makes refunds with curl, and is not careful which key it uses for what."""

import json
import subprocess
import sys

VAULT = "https://vault.test/v1/secret/data/payments"
PAYMENTS = "https://api.payments.test/v1"
(vault_login,) = sys.argv[1:]


def say(step: str, **seen: object) -> None:
    """Tell the orchestrator what was seen, one JSON object a line."""
    print(json.dumps({"step": step, **seen}), flush=True)


def curl(*arguments: str) -> dict[str, object]:
    """Return the status and the body, as JSON where it is that, of what curl did."""
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - what the story is about
    text, _, status = done.stdout.rpartition("\n")
    try:
        body: object = json.loads(text)
    except ValueError:
        body = text + done.stderr
    return {"status": int(status or 0), "body": body}


def key(name: str) -> str:
    """Return what the vault holds for payments under `name`."""
    answer = curl("--header", f"X-Vault-Token: {vault_login}", f"{VAULT}/{name}")
    say("a key was read", name=name, **answer)
    body = answer["body"]
    return str(body["data"]["data"]["key"]) if isinstance(body, dict) and "data" in body else ""


def refund(amount: int) -> list[str]:
    """Return curl's arguments for a refund."""
    return ["--json", json.dumps({"charge": "ch_7", "amount": amount}), f"{PAYMENTS}/refunds"]


master, refunds = key("master"), key("refunds")
bearer = ("--header", f"Authorization: Bearer {master}")

say("balance, bearer", **curl(*bearer, f"{PAYMENTS}/balance"))
say("balance, basic", **curl("--user", f"agent:{master}", f"{PAYMENTS}/balance"))

say("refund of 50,000 with the master key, bearer", **curl(*bearer, *refund(50_000)))
say("refund of 50,000 with the master key, basic", **curl("--user", f"agent:{master}", *refund(50_000)))
say("refund of 20 with the master key", **curl(*bearer, *refund(20)))

say("refund of 2,500 with the refund key", **curl("--header", f"Authorization: Bearer {refunds}", *refund(2_500)))
say("refund of 300 with the refund key, basic", **curl("--user", f"agent:{refunds}", *refund(300)))
say("refund of 50,000 with the refund key", **curl("--header", f"Authorization: Bearer {refunds}", *refund(50_000)))
say("balance with the refund key", **curl("--header", f"Authorization: Bearer {refunds}", f"{PAYMENTS}/balance"))

say("the master key in another header", **curl(*bearer, "--header", f"X-Copy: {master}", f"{PAYMENTS}/balance"))
say("the master key in the address", **curl(*bearer, "--globoff", f"{PAYMENTS}/balance?copy={master}"))
say("the master key at the vault", **curl("--header", f"X-Vault-Token: {master}", f"{VAULT}/master"))
