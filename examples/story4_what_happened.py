"""What happened? A key turns up on its way to a public channel; one command tells where it came from, and no key."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services import Services
from stage import SANDBOX, Check, Story, files_with, perform, run_program, running_proxy, seen_in

KEY = "secret.api_key"


def traced(services: Services, folder: Path) -> Iterator[Check]:
    """Refuse the key in every form, and let the audit name its source, the calls in between, and the rule."""
    data, slack = services.forget().data, services["slack.test"]
    with running_proxy(services, folder, "tickets.yaml") as proxy:
        environment = proxy.open_session("debug-agent", "--purpose", "debugging")
        steps = run_program([sys.executable, SANDBOX / "story4_debug.py"], environment)
        told = {str(step["step"]): step for step in steps}
        problem = told["posted the key in base64"]["body"]
        trace = str(problem.get("trace")) if isinstance(problem, dict) else ""
        story = proxy.dlp("audit", "trace", trace, "--json")
        page = proxy.dlp("audit", "trace", trace)
    length = told["the ticket was read"]["length"]
    yield Check("characters of the key that the sandbox read", "40", str(length))
    yield Check("it says hello in #general", "200", str(told["said hello"]["status"]))
    yield Check("it logs a line", "202", str(told["logged"]["status"]))
    refused = problem.get("status") if isinstance(problem, dict) else problem
    yield Check("it posts the key in base64, with curl", "403", str(refused))
    yield Check("it posts the key, with requests", "403", str(told["posted the key"]["status"]))
    yield Check("it says goodbye in #general", "200", str(told["said goodbye"]["status"]))
    yield Check("messages that Slack received", "2", str(len(slack.requests)))
    yield Check("keys that Slack received", "none", seen_in(slack.raw, [data.leaked_key]))
    yield from told_by_the_audit(json.loads(story), page)
    printed = (json.dumps(steps) + story + page).encode()
    yield Check("the key in anything that was printed", "none", seen_in(printed, [data.leaked_key]))
    yield Check("files of the proxy that hold the key", "none", files_with(folder, data.leaked_key))


def told_by_the_audit(events: list[dict[str, object]], page: str) -> Iterator[Check]:
    """Check that the trace tells where the key was read, which calls followed, and what refused it."""
    refused = next((event for event in events if event["verdict"] == "block"), {})
    yield Check("trace: the rule that refused it", "keys leave nobody's hands", str(refused.get("reason")))
    labels: Any = refused.get("labels")
    traced = (each for each in labels if each["class"] == KEY and each["source"] == "tickets") if labels else ()
    label: dict[str, object] = next(iter(traced), {})
    yield Check("trace: the form it was in", "base64", str(label.get("form")))
    yield Check("trace: the field it was read from", "tickets /fields/description", _origin(label))
    names = [event["event"] for event in events]
    begun = names.index(label["origin"]) if label.get("origin") in names else 0
    read = events[begun] if events else {}
    yield Check("trace: the event in which it was read", "inbound from tickets", _where(read))
    between = [_where(event) for event in events[begun + 1 : events.index(refused)]] if refused else []
    calls = [where for where in between if where.startswith("outbound")]
    yield Check("trace: the calls that followed", "outbound to slack, outbound to logs", ", ".join(calls))
    told = all(word in page for word in (KEY, "/fields/description", "keys leave nobody's hands"))
    yield Check("trace: the page for people tells the same", "yes", "yes" if told else page)


def _origin(label: dict[str, object]) -> str:
    return f"{label.get('source')} {label.get('origin_path')}"


def _where(event: dict[str, object]) -> str:
    if event.get("direction") == "inbound":
        return f"inbound from {event.get('source')}"
    return f"outbound to {event.get('sink')}"


STORIES = (Story("4   What happened? One trace, and no key in it", traced),)

if __name__ == "__main__":
    sys.exit(perform(STORIES))
