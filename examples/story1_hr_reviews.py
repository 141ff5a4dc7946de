"""Allowed + allowed = breach: pay may be read, Slack may be posted to, and what must not happen is the flow between."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from apis import EMPLOYEES, PAY
from services import Services
from stage import SANDBOX, Check, Step, Story, perform, run_program, running_proxy, seen_in

PURPOSE = ("--purpose", "reviews")
AMOUNTS = [str(amount) for pay in PAY.values() for amount in pay.values()]
NAMES = [str(who["name"]) for who in EMPLOYEES]
ADDRESSES = [str(who["email"]) for who in EMPLOYEES]


def in_the_clear(services: Services, folder: Path) -> Iterator[Check]:
    """Pay enters in the clear: nothing of that session reaches Slack, in whatever form, and the refusal says why."""
    slack = services.forget()["slack.test"]
    with running_proxy(services, folder, "hr-raw.yaml") as proxy:
        environment = proxy.open_session("hr-agent", *PURPOSE)
        steps = run_program([sys.executable, SANDBOX / "story1_leak.py"], environment)
        after_leaks = len(slack.raw)
        hello = ("--json", json.dumps({"channel": "#general", "text": "Lunch at noon?"}))
        url = "https://slack.test/api/chat.postMessage"
        other = run_program(["curl", "--silent", *hello, url], proxy.open_session("lunch-agent"))
    read = next(step for step in steps if step["step"] == "pay was read")
    yield Check("the sandbox reads pay as it is", str([pay["salary"] for pay in PAY.values()]), str(read["salaries"]))
    posts = [step for step in steps if step["step"] == "posted"]
    for channel in ("#general", "#hr-reviews"):
        mine = [post for post in posts if post["channel"] == channel]
        ways = ", ".join(dict.fromkeys(str(post["how"]) for post in mine))
        refused = sum(post["status"] == 403 for post in mine)  # noqa: PLR2004 - an HTTP status
        yield Check(f"{channel}: {ways}", f"{len(mine)} of {len(mine)} refused", f"{refused} of {len(mine)} refused")
    yield Check("bytes of them that Slack received", "0", str(after_leaks))
    yield Check("another session, which read no pay, may post", "True", str(other[0].get("ok")))
    problem = posts[0]["body"]
    told = isinstance(problem, dict) and "read pay anonymised instead" in str(problem.get("says"))
    yield Check("the refusal says why and what to do", "a sentence", "a sentence" if told else f"{problem}")
    missing = problem.get("missing") if isinstance(problem, dict) else None
    yield Check("the refusal says what is missing", "a list", "a list" if missing else f"{problem}")


def anonymised(services: Services, folder: Path) -> Iterator[Check]:
    """People enter as tokens and pay as bands: the HR channel gets the summary once a manager has agreed."""
    slack = services.forget()["slack.test"]
    with running_proxy(services, folder, "hr-anonymised.yaml") as proxy:
        environment = proxy.open_session("hr-agent", *PURPOSE)
        approved: list[str] = []

        def manager(step: Step) -> None:
            """Agree, as a person outside the sandbox, once the sandbox was told to wait for one."""
            if step["step"] != "posted to #hr-reviews" or not isinstance(step["body"], dict):
                return
            identity = str(step["body"].get("approval", {}).get("id", ""))
            shown = proxy.dlp("approvals", "show", identity)
            listed = proxy.dlp("approvals", "list", "--json")
            approved.extend((identity, listed, shown))
            proxy.dlp("approvals", "approve", identity, "--as", "manager")

        steps = run_program([sys.executable, SANDBOX / "story1_summary.py"], environment, manager)
    told = {str(step["step"]): step for step in steps}
    everything = json.dumps(steps).encode()
    yield Check("pay amounts that the sandbox saw", "none", seen_in(everything, AMOUNTS))
    yield Check("names that the sandbox saw", "none", seen_in(everything, NAMES))
    yield Check("addresses that the sandbox saw", "none", seen_in(everything, ADDRESSES))
    employees = told["pay was read"]["employees"]
    first = employees[0] if isinstance(employees, list) else {}
    yield Check("the sandbox sees a person as", "[PERSON_1], [EMAIL_1]", f"{first['name']}, {first['email']}")
    general, asked = told["posted to #general"], told["posted to #hr-reviews"]
    yield Check("#general", "403, nobody can agree to it", f"{general['status']}, {_way_out(general)}")
    yield Check("#hr-reviews", "403, a manager is asked", f"{asked['status']}, {_way_out(asked)}")
    shown = "".join(approved)
    yield Check("the manager is shown", "<pii.person> (<pii.email>)…", _line(shown))
    protected = [*AMOUNTS, *NAMES, *ADDRESSES]
    yield Check("values in what the manager is shown", "none", seen_in(shown.encode(), protected))
    yield Check("the approval is listed", "yes", "yes" if approved and approved[0] in approved[1] else "no")
    yield Check("a manager agreed; the same again", "200", str(told["posted to #hr-reviews again"]["status"]))
    third = told["posted to #hr-reviews a third time"]
    yield Check("and once more", "403, a manager is asked", f"{third['status']}, {_way_out(third)}")
    yield Check("messages that Slack received", "1", str(len(slack.requests)))
    text = str(slack.requests[0].fields["text"]) if slack.requests else ""
    yield Check("names in it, as its rule allows", "4", str(sum(name in text for name in NAMES)))
    yield Check("addresses in it, which stay tokens", "none", seen_in(slack.raw, ADDRESSES))
    yield Check("pay in it, which stays in bands", "none", seen_in(slack.raw, AMOUNTS))
    band = str(first["salary"])
    yield Check("the band that the sandbox saw is in it", "yes", "yes" if band and band in text else f"no: {band}")


def _line(shown: str) -> str:
    return "<pii.person> (<pii.email>)…" if "<pii.person> (<pii.email>): rated 5, earns" in shown else shown


def _way_out(step: Step) -> str:
    body = step["body"]
    asked = isinstance(body, dict) and body.get("approval")
    return "a manager is asked" if asked else "nobody can agree to it"


STORIES = (
    Story("1a  Allowed + allowed = breach: pay in the clear", in_the_clear),
    Story("1b  Allowed + allowed = breach: anonymised on entry", anonymised),
)

if __name__ == "__main__":
    sys.exit(perform(STORIES))
