"""The four stories once more, over MCP and mixed: what is read over one and sent over the other is one flow."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from apis import ASSISTANT, EMPLOYEES, PAY, customers
from services import Services
from stage import SANDBOX, Check, Step, Story, files_with, perform, run_program, running_proxy, seen_in
from story4_what_happened import told_by_the_audit

AMOUNTS = [str(amount) for pay in PAY.values() for amount in pay.values()]
NAMES = [str(who["name"]) for who in EMPLOYEES]
TOKEN = re.compile(r"\[[A-Z_]+_[0-9]+\]")


def pay_in_the_clear(services: Services, folder: Path) -> Iterator[Check]:
    """Pay that was read over MCP reaches Slack neither over MCP nor over HTTP."""
    slack, tools = services.forget()["slack.test"], services.mcp["slack"]
    with running_proxy(services, folder, "hr-raw.yaml", mcp=("workday", "slack")) as proxy:
        environment = proxy.open_session("hr-agent", "--purpose", "reviews")
        steps = run_program([sys.executable, SANDBOX / "story1_mcp_leak.py"], environment)
    read = next(step for step in steps if step["step"] == "pay was read")
    yield Check("the sandbox reads pay as it is", str([pay["salary"] for pay in PAY.values()]), str(read["salaries"]))
    for way in ("MCP", "HTTP"):
        mine = [step for step in steps if str(step.get("how")).endswith(way)]
        forms = ", ".join(str(step["how"]).partition(",")[0] for step in mine)
        refused = sum(bool(step["refused"]) for step in mine)
        yield Check(f"posted over {way}: {forms}", "4 of 4 refused", f"{refused} of {len(mine)} refused")
    yield Check("bytes of them that Slack received over HTTP", "0", str(len(slack.raw)))
    yield Check("calls that Slack received over MCP", "0", str(len(tools.calls("post_message"))))
    told = next((step for step in steps if step["step"] == "posted"), {})
    says = "read pay anonymised instead" in str(told.get("says"))
    yield Check("the refused call says why and what to do", "a sentence", "a sentence" if says else f"{told}")
    yield Check("and what is missing", "a list", "a list" if told.get("missing") else f"{told}")


def pay_anonymised(services: Services, folder: Path) -> Iterator[Check]:
    """Give the HR channel the summary over MCP once a manager has agreed, and over HTTP once one has again."""
    slack, tools = services.forget()["slack.test"], services.mcp["slack"]
    with running_proxy(services, folder, "hr-anonymised.yaml", mcp=("workday", "slack")) as proxy:
        environment = proxy.open_session("hr-agent", "--purpose", "reviews")

        def manager(step: Step) -> None:
            """Agree, as a person outside the sandbox, once the sandbox was told to wait for one."""
            approval = step.get("approval")
            if isinstance(approval, dict):
                proxy.dlp("approvals", "approve", str(approval["id"]), "--as", "manager")

        steps = run_program([sys.executable, SANDBOX / "story1_mcp_summary.py"], environment, manager)
    told = {str(step["step"]): step for step in steps}
    everything = json.dumps(steps).encode()
    yield Check("pay amounts that the sandbox saw", "none", seen_in(everything, AMOUNTS))
    yield Check("names that the sandbox saw", "none", seen_in(everything, NAMES))
    refused = [step for step in ("posted to #general", "posted over MCP") if told[step].get("refused")]
    yield Check("#general, and #hr-reviews unasked", "refused, refused", ", ".join("refused" for _ in refused))
    yield Check("a manager agreed; the same again, over MCP", "True", str(told["posted over MCP again"].get("ok")))
    yield Check(
        "over HTTP another agreement is wanted", "yes", "yes" if told["posted over HTTP"].get("approval") else "no"
    )
    yield Check("a manager agreed; the same again, over HTTP", "200", str(told["posted over HTTP again"]["status"]))
    posted = tools.calls("post_message")
    yield Check("calls that Slack received over MCP", "1", str(len(posted)))
    texts = [str(one["text"]) for one in (*posted, *(request.fields for request in slack.requests))]
    named = ", ".join(str(sum(name in text for name in NAMES)) for text in texts)
    yield Check("names in what it received, over MCP and HTTP", "4, 4", named)
    yield Check("pay in it, which stays in bands", "none", seen_in(tools.raw + slack.raw, AMOUNTS))


def bound_keys(services: Services, folder: Path) -> Iterator[Check]:
    """Let a key from a vault's resource work in one argument of one tool, or one header of one request."""
    data, payments, tools = services.forget().data, services["api.payments.test"], services.mcp["payments"]
    keys = [data.master_key, data.refund_key]
    with running_proxy(services, folder, "payments.yaml", mcp=("vault", "payments")) as proxy:
        environment = proxy.open_session("billing-agent", "--purpose", "refunds")
        steps = run_program([sys.executable, SANDBOX / "story2_mcp_refund.py"], environment)
    told = {str(step["step"]): step for step in steps}
    yield Check("keys that the sandbox saw", "none", seen_in(json.dumps(steps).encode(), keys))
    shown = ", ".join(str(told[f"the {name} key was read"].get("key")) for name in ("master", "refunds"))
    yield Check("the keys, as the sandbox sees them", "[MASTER_KEY_1], [REFUND_KEY_1]", shown)
    for step, refused in (
        ("balance with the master key", False),
        ("balance with the refund key", True),
        ("refund of 20 with the master key", True),
        ("refund of 2,500 with the refund key", False),
        ("refund of 50,000 with the refund key", True),
        ("the refund key as the charge", True),
    ):
        yield Check(
            f"over MCP: {step}", "refused" if refused else "done", "refused" if told[step]["refused"] else "done"
        )
    for name, status in (("master", 200), ("refunds", 403)):
        step = f"balance over HTTP with the {name} key"
        yield Check(step, str(status), str(told[step]["status"]))
    received = [
        f"{tool} with {_which(call, data.master_key)}" for tool in ("balance", "refund") for call in tools.calls(tool)
    ]
    yield Check(
        "what the provider's tools were called with", "balance with master, refund with refunds", ", ".join(received)
    )
    yield Check("requests that it received over HTTP", "1", str(len(payments.requests)))


def _which(call: dict[str, object], master: str) -> str:
    return "master" if call["api_key"] == master else "refunds"


def names_never_enter(services: Services, folder: Path) -> Iterator[Check]:
    """1,000 customers go from one tool to another by code that sees tokens; logs get tokens, over HTTP."""
    crm, logs = services.forget().mcp["crm"], services["logs.test"]
    with running_proxy(services, folder, "customers.yaml", mcp=("sheets", "crm")) as proxy:
        environment = proxy.open_session("crm-agent", "--purpose", "migration")
        steps = run_program([sys.executable, SANDBOX / "story3_mcp_copy.py"], environment)
    true = customers()
    failed = next((step for step in steps if step["refused"]), None)
    yield Check("pages that the CRM took", "4", str(len(steps)) if failed is None else f"{failed}"[:600])
    everything = json.dumps(steps).encode()
    protected = [value for row in true for value in (row["name"], row["email"], row["phone"])]
    yield Check("names, addresses, phones the sandbox saw", "none", seen_in(everything, [*protected, ASSISTANT]))
    written = [contact for call in crm.calls("create_contacts") for contact in call["contacts"]]
    same = sum(a == b for a, b in zip(true, written, strict=False))
    yield Check("rows in the CRM that are the true ones", "1000 of 1000", f"{same} of {len(written)}")
    yield Check("people in the logs", "none", seen_in(logs.raw, protected))
    line = str(logs.requests[0].fields["text"]) if logs.requests else ""
    shape = TOKEN.sub("[…]", line)
    yield Check("a log line", "copied […] <[…]> to […]", shape)


def traced(services: Services, folder: Path) -> Iterator[Check]:
    """Refuse a key from a tool's answer over HTTP and over MCP, and tell in one trace the way it went."""
    data, slack, tools = services.forget().data, services["slack.test"], services.mcp["slack"]
    with running_proxy(services, folder, "tickets.yaml", mcp=("tickets", "slack")) as proxy:
        environment = proxy.open_session("debug-agent", "--purpose", "debugging")
        steps = run_program([sys.executable, SANDBOX / "story4_mcp_debug.py"], environment)
        told = {str(step["step"]): step for step in steps}
        problem = told["posted the key in base64 over HTTP"]["body"]
        trace = str(problem.get("trace")) if isinstance(problem, dict) else ""
        story, page = proxy.dlp("audit", "trace", trace, "--json"), proxy.dlp("audit", "trace", trace)
    yield Check("characters of the key that the sandbox read", "40", str(told["the ticket was read"]["length"]))
    yield Check("it says hello over MCP", "True", str(told["said hello"].get("ok")))
    yield Check(
        "it posts the key in base64, over HTTP", "403", str(problem.get("status") if isinstance(problem, dict) else "")
    )
    yield Check("and over MCP", "True", str(told["posted the key in base64 over MCP"]["refused"]))
    yield Check("keys that Slack received", "none", seen_in(slack.raw + tools.raw, [data.leaked_key]))
    yield from told_by_the_audit(json.loads(story), page)
    printed = (json.dumps(steps) + story + page).encode()
    yield Check("the key in anything that was printed", "none", seen_in(printed, [data.leaked_key]))
    yield Check("files of the proxy that hold the key", "none", files_with(folder, data.leaked_key))


STORIES = (
    Story("5a  Over MCP: allowed + allowed = breach, pay in the clear", pay_in_the_clear),
    Story("5b  Over MCP: pay anonymised on entry", pay_anonymised),
    Story("5c  Over MCP: a key is bound to its purpose", bound_keys),
    Story("5d  Over MCP: names never enter the sandbox", names_never_enter),
    Story("5e  Over MCP: what happened?", traced),
)

if __name__ == "__main__":
    sys.exit(perform(STORIES))
