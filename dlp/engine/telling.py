"""What approvers, auditors and sandboxes are told of a message: names, paths and counts, never a labelled span."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dlp.core.edit import Edit, apply_edits
from dlp.core.errors import ParseError, PluginError, PolicyError, StoreError
from dlp.core.label import Label
from dlp.core.message import Kind, Part
from dlp.core.outcome import Refuse
from dlp.core.policy import Decision, Policy, Ruling, Verdict, leading
from dlp.core.ports import LabelNote
from dlp.engine import rewriting
from dlp.engine.noting import noted
from dlp.engine.vault import Origin
from dlp.engine.work import Told, Work

_PREVIEW = 2000  # characters a part
_PREVIEW_LINES = 100
LISTED_ONLY = "Use a listed destination, or ask the operator to add this one to the policy's destinations."
"""What to do where no destination names an address."""


class EndedError(Exception):
    """The session is not open any more."""


_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (EndedError, "session"),
    (StoreError, "store"),
    (PluginError, "plugin"),
    (PolicyError, "policy"),
    (ParseError, "unreadable"),
    (TimeoutError, "timeout"),
)
_FAILURES = {
    "session": (
        "This session is not open",
        "The orchestrator has frozen or closed it; nothing goes in or out.",
        "Ask the orchestrator for a new session.",
    ),
    "store": ("The proxy cannot keep its state", "Nothing passes that cannot be recorded.", "Tell the operator."),
    "plugin": (
        "A classifier or another plugin failed",
        "Nothing passes that could not be judged.",
        "Tell the operator.",
    ),
    "policy": (
        "The policy asks for what cannot be done",
        "Nothing passes that could not be rewritten.",
        "Tell the operator.",
    ),
    "unreadable": (
        "The message cannot be read",
        "Nothing passes that could not be read.",
        "Send it in a form that can.",
    ),
    "timeout": ("Judging the message took too long", "Nothing passes unjudged.", "Send less at once, or try again."),
    "error": ("The proxy failed on this message", "Nothing passes that could not be judged.", "Tell the operator."),
}


def failure(error: Exception) -> tuple[str, str, str, str]:
    """Return kind, title, detail and advice of an error. A foreign error's text is not told: it may quote a value."""
    kind = next((kind for types, kind in _KINDS if isinstance(error, types)), "error")
    title, detail, following = _FAILURES[kind]
    if isinstance(error, (StoreError, PolicyError, PluginError, ParseError)):
        detail = f"{detail} {error}"  # our own errors hold names, paths and lengths only
    return kind, title, detail, following


def refusal(work: Work, decision: Decision) -> Refuse:
    """Return what the sandbox is told of a decision; only the winning rule is named."""
    asked = decision.verdict is Verdict.ASK and work.call.within is None
    winner = leading(decision)
    what = winner.flow.data_class or "This message"
    where = "the sandbox" if not work.outbound else winner.flow.route.sink or "an address that no destination names"
    if asked:
        title = "A person has to agree first"
        detail = f"{what} may go to {where} once {' or '.join(winner.approvers) or 'a reviewer'} has approved it."
        following = "Poll the approval's status URL; when it says approved, send the identical request again."
    else:
        title = "The policy forbids this flow"
        detail = winner.says or f"No rule lets {what} go to {where}."
        following = _advice(winner, outbound=work.outbound)
        if decision.verdict is Verdict.ASK:
            following = "A person would have to agree, and nothing can wait for that inside a stream."
    return Refuse(
        kind="approval" if asked else "flow",
        title=title,
        detail=detail,
        event=work.event,
        trace=work.call.trace,
        direction=work.message.direction,
        next=following,
        rule=winner.rule,
        says=winner.says,
        missing=winner.missing,
        approval=work.approval if asked else "",
        retryable=asked,
    )


def one_by_one(work: Work) -> Refuse:
    """Return what says that messages which were judged as one have to be judged singly; nobody else is told of it."""
    return Refuse("flow", "Not all of these messages may go on", "", "", work.call.trace)


def _advice(winner: Ruling, *, outbound: bool) -> str:
    """Return what the sandbox can do about a refusal."""
    if winner.missing:
        return "It would pass with: " + "; ".join(winner.missing) + "."
    if outbound and winner.flow.route.sink is None:
        return LISTED_ONLY
    if winner.flow.finding is None and winner.flow.data_class is not None:
        return (
            "This session has already read such data in the clear; use a session that has not, or another destination."
        )
    if outbound:
        return "Leave this data out, or send it to a destination whose rules allow it."
    return "Ask the operator whether this data may enter the sandbox, and in which form."


def notes(work: Work) -> tuple[LabelNote, ...]:
    """Return the labels of a message with their counts and the lineage of the first of each."""
    notes: dict[tuple[Label, str, str], LabelNote] = {}
    for flow in work.flows:
        if flow.data_class is None:
            continue
        label = Label(flow.data_class, flow.state, flow.route.source)
        if flow.finding is None:
            origin, path, form, transform = work.past.ledger.origin(label), "", "taint", ""
        else:
            finding, known = work.findings[flow.finding], work.known.get(flow.finding)
            origin = known.origin if known else Origin()
            path, form = work.path(work.parts[finding.part]), finding.form
            ruling = work.rulings.get(flow.finding)
            transform = ruling.transform if ruling else ""
        key = (label, form, transform)
        note = notes.get(key)
        if note is not None:
            notes[key] = replace(note, count=note.count + 1)
        else:
            notes[key] = LabelNote(label, 1, path, form, transform, origin.event, origin.path)
    return tuple(notes.values())


def told(policy: Policy, work: Work) -> Told:
    """Return what an entry says of a message: its labels, where it has any, and the facts that may be repeated."""
    message = work.message
    facts, withheld = noted(policy, message.endpoint, message.direction, work.facts, work.labelled)
    return Told(notes(work) if len(work.flows) > 1 else (), facts, withheld)


def summary(work: Work, decision: Decision) -> Mapping[str, object]:
    """Return what an approver is shown: names, paths, counts and the lineage; labelled spans are left out."""
    asked = [ruling for ruling in decision.rulings if ruling.verdict is Verdict.ASK]
    return {
        "agent": work.call.session.agent,
        "purpose": work.call.session.purpose,
        "direction": work.message.direction.value,
        "destination": work.route.sink,
        "upstream": work.upstream,
        "operation": work.message.endpoint.told,
        "rules": sorted({ruling.rule for ruling in asked}),
        "says": sorted({ruling.says for ruling in asked if ruling.says}),
        "labels": [
            {
                "data": note.label.data_class,
                "state": note.label.state,
                "from": note.label.source,
                "count": note.count,
                "path": note.path,
                "form": note.form,
                "read_in": note.origin,
                "read_at": note.origin_path,
            }
            for note in notes(work)
        ],
        "parts": [{"path": work.path(part), "length": len(part.text)} for part in work.message.parts],
        "preview": work.past.seal.seal(_preview(work).encode("utf-8", "replace"), b"preview").hex(),
        "event": work.event,
        "trace": work.call.trace,
    }


_CREDENTIALS = re.compile(
    r"header/(?:authorization|proxy-authorization|x-api-key)(?:/.*)?|(?:header/(?:set-)?cookie|cookie/.*|url/password)",
    re.DOTALL,
)
_NOT_PREVIEWED = re.compile(
    r"header/(?:host|user-agent|accept|accept-(?:charset|encoding|language)|connection|content-(?:length|type))|host/.*"
)


def _preview(work: Work) -> str:
    """Return the message's texts with every labelled span replaced by its class: what an approver may look at.

    One line a part, and no text can write a line of its own. What is left out for length is counted. The headers have
    lines of their own, so that neither they nor the body can be pushed out by the other.
    """
    findings: dict[int, list[int]] = {}
    for index, finding in enumerate(work.findings):
        findings.setdefault(finding.part, []).append(index)
    sections: dict[bool, list[tuple[int, Part]]] = {False: [], True: []}
    for number, part in enumerate(work.message.parts):
        head = part.path.startswith(("header/", "cookie/", "host/"))
        if not _NOT_PREVIEWED.fullmatch(part.path) and not (head and part.kind is Kind.KEY):
            sections[head].append((number, part))
    lines: list[str] = []
    for head, parts in sections.items():
        lines += [_previewed(work, number, part, findings.get(number, ())) for number, part in parts[:_PREVIEW_LINES]]
        if len(parts) > _PREVIEW_LINES:
            lines.append(f"({len(parts) - _PREVIEW_LINES} more {'headers' if head else 'parts'} left out)")
    return "\n".join(lines)


def _previewed(work: Work, number: int, part: Part, findings: Sequence[int]) -> str:
    path = work.path(part) + (" (key)" if part.kind is Kind.KEY else "")
    if _CREDENTIALS.fullmatch(part.path):
        return f"{path}: <credentials>"
    if part.kind is Kind.OPAQUE:
        return f"{path}: ({part.length} bytes that cannot be read)"
    spans = rewriting.spans_of(work.parts, work.findings, dict.fromkeys(findings, "redact")) if findings else []
    edits = [Edit(number, span.start, span.end, f"<{span.finding.data_class}>") for span in spans]
    text = apply_edits(part.text, edits)
    more = f" ({len(text) - _PREVIEW} more characters left out)" if len(text) > _PREVIEW else ""
    return f"{path}: {''.join(map(_visible, text[:_PREVIEW]))}{more}"


def _visible(char: str) -> str:
    """Return a character as it can stand in a line: what ends lines, moves the cursor or is not seen is escaped."""
    return char if char.isprintable() and char != "\\" else char.encode("unicode_escape", "surrogatepass").decode()
