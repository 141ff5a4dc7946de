"""Names never enter the sandbox: it copies 1,000 customers, and only the CRM learns who they are."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from apis import ASSISTANT, customers
from services import Services
from stage import NODE, SANDBOX, Check, Story, perform, run_program, running_proxy, seen_in

TOKEN = re.compile(r"\[[A-Z_]+_[0-9]+\]")


def copied_by(*command: str | Path) -> Callable[[Services, Path], Iterator[Check]]:
    """Return the story as one client tells it."""

    def play(services: Services, folder: Path) -> Iterator[Check]:
        """Give the CRM the true rows, and the sandbox and the logs tokens."""
        crm, logs = services.forget()["crm.test"], services["logs.test"]
        with running_proxy(services, folder, "customers.yaml") as proxy:
            steps = run_program(command, proxy.open_session("crm-agent", "--purpose", "migration"))
        true = customers()
        pages = [step for step in steps if step["step"] == "page"]
        failed = next((page for page in pages if page["status"] != 201), None)  # noqa: PLR2004 - an HTTP status
        yield Check("pages that the CRM took", "10", str(len(pages)) if failed is None else f"{failed}"[:600])
        rows = [row for page in pages for row in _list(page.get("rows"))]
        yield Check("rows that the sandbox read", "1000", str(len(rows)))
        everything = json.dumps(steps).encode()
        protected = [value for row in true for value in (row["name"], row["email"], row["phone"])]
        yield Check("names, addresses, phones it saw", "none", seen_in(everything, [*protected, ASSISTANT]))
        first = rows[0] if rows else {}
        shown = ", ".join(str(first.get(name)) for name in ("name", "email", "phone"))
        yield Check("a customer, as the sandbox sees one", "[PERSON_1], [EMAIL_1], [PHONE_1]", shown)
        stand_ins = {row[name] for row in rows for name in ("name", "email", "phone")}
        plain = [value for value in stand_ins if not TOKEN.fullmatch(str(value))]
        yield Check("different customers have different tokens", "3000, all tokens", _count(stand_ins, plain))
        notes = [str(row["note"]) for row in rows if "assistant" in str(row["note"])]
        hidden = {"Her assistant is called [PERSON] and answers all mail."}
        found = {re.sub(r"\[PERSON_[0-9]+\]", "[PERSON]", note) for note in notes}
        yield Check("a name in free text, found by the model", str(hidden), str(found))
        written = [contact for request in crm.requests for contact in _list(request.fields["contacts"])]
        same = sum(a == b for a, b in zip(true, written, strict=False))
        yield Check("rows in the CRM that are the true ones", "1000 of 1000", f"{same} of {len(written)}")
        yield Check("lines that the log service received", "10", str(len(logs.requests)))
        yield Check("people in the logs", "none", seen_in(logs.raw, protected))
        line = str(logs.requests[0].fields["text"]) if logs.requests else ""
        yield Check("a log line", "copied [PERSON_1] <[EMAIL_1]> to [PHONE_100]", line)

    return play


def _list(value: object) -> list[dict[str, object]]:
    return value if isinstance(value, list) else []


def _count(stand_ins: set[object], plain: list[object]) -> str:
    return f"{len(stand_ins)}, {'all tokens' if not plain else f'{len(plain)} are not tokens'}"


STORIES = (
    Story("3a  Names never enter the sandbox: httpx", copied_by(sys.executable, SANDBOX / "story3_copy.py")),
    Story("3b  Names never enter the sandbox: Node's fetch", copied_by(NODE, SANDBOX / "story3_copy.mjs")),
)

if __name__ == "__main__":
    sys.exit(perform(STORIES))
