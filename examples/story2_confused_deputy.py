"""Confused deputy: a key that was fetched to look at a balance must not pay out money."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from apis import VAULT_LOGIN
from services import Services
from stage import SANDBOX, Check, Step, Story, perform, run_program, running_proxy, seen_in


def bound_keys(services: Services, folder: Path) -> Iterator[Check]:
    """Each key works in the Authorization header of the operation it was issued for, and nowhere else."""
    data, payments, vault = services.forget().data, services["api.payments.test"], services["vault.test"]
    with running_proxy(services, folder, "payments.yaml") as proxy:
        environment = proxy.open_session("billing-agent", "--purpose", "refunds")
        steps = run_program([sys.executable, SANDBOX / "story2_refund.py", VAULT_LOGIN], environment)
    told: dict[str, Step] = {f"{step['step']} {step.get('name', '')}".strip(): step for step in steps}
    everything = json.dumps(steps).encode()
    yield Check("keys that the sandbox saw", "none", seen_in(everything, [data.master_key, data.refund_key]))
    for name, token in (("master", "[MASTER_KEY_1]"), ("refunds", "[REFUND_KEY_1]")):
        body = told[f"a key was read {name}"]["body"]
        yield Check(f"the vault's {name} key, as the sandbox sees it", token, str(_key(body)))
    for step, status in (
        ("balance, bearer", 200),
        ("balance, basic", 200),
        ("refund of 50,000 with the master key, bearer", 403),
        ("refund of 50,000 with the master key, basic", 403),
        ("refund of 20 with the master key", 403),
        ("refund of 2,500 with the refund key", 201),
        ("refund of 300 with the refund key, basic", 201),
        ("refund of 50,000 with the refund key", 403),
        ("balance with the refund key", 403),
        ("the master key in another header", 403),
        ("the master key in the address", 403),
        ("the master key at the vault", 403),
    ):
        yield Check(step, str(status), str(told[step]["status"]))
    refused = told["refund of 50,000 with the master key, bearer"]["body"]
    says = str(refused.get("says")) if isinstance(refused, dict) else ""
    sentence = "yes" if "the master key to read the balance" in says else f"no: {refused}"
    yield Check("the refusal says what each key is for", "yes", sentence)
    received = [
        (request.method, request.path, _who(request.headers.get("authorization", ""), data.master_key))
        for request in payments.requests
    ]
    expected = [
        ("GET", "/v1/balance", "bearer, master"),
        ("GET", "/v1/balance", "basic, master"),
        ("POST", "/v1/refunds", "bearer, refunds"),
        ("POST", "/v1/refunds", "basic, refunds"),
    ]
    yield Check("what the payments provider received", _lines(expected), _lines(received))
    amounts = [request.fields["amount"] for request in payments.requests if request.method == "POST"]
    yield Check("refunds made", "[2500, 300]", str(amounts))
    yield Check("keys that came back to the vault", "none", seen_in(vault.raw, [data.master_key, data.refund_key]))


def _key(body: object) -> object:
    return body["data"]["data"]["key"] if isinstance(body, dict) and "data" in body else body


def _who(authorization: str, master: str) -> str:
    """Return by what means a request was authorised, and whether with the master key."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme == "Basic":
        credentials = base64.b64decode(credentials).decode().partition(":")[2]
    return f"{scheme.lower()}, {'master' if credentials == master else 'refunds'}"


def _lines(received: list[tuple[str, str, str]]) -> str:
    return "\n".join(f"{method} {path} ({how})" for method, path, how in received)


STORIES = (Story("2   Confused deputy: a key is bound to its purpose", bound_keys),)

if __name__ == "__main__":
    sys.exit(perform(STORIES))
