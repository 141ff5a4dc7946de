"""Faults planted in the engine, each of a kind that could be made: a law that does not catch them proves nothing.

Each replaces one thing in a real module for as long as it is planted. One whose target is gone raises: it would else
seem to be caught by nothing.
"""
# ruff: noqa: SLF001 - faults are made inside

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from dlp.core import policy as deciding
from dlp.core.label import DERIVED, OPAQUE, RAW, SANDBOX, Label
from dlp.core.outcome import Forward
from dlp.core.policy import Decision, Verdict
from dlp.engine import past as pasts
from dlp.engine import pipeline, tracing
from dlp.engine.delivery import Delivery
from dlp.engine.keys import Seal
from dlp.engine.ledger import Ledger
from dlp.engine.past import Past
from dlp.engine.pipeline import Engine
from dlp.engine.vault import Vault
from dlp.testing.programs import RESTRICTED, TOKENISED

FAULTS: dict[str, "Fault"] = {}
"""All faults by name."""

_LATE = 2
"""After how many further messages taint that comes late is written."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: what it is called, which programs can show it, and how it is planted."""

    name: str
    about: str
    plant: Callable[[], AbstractContextManager[None]]
    exchange: str = "http"


type _Original = Callable[..., Any]


@contextmanager
def _replaced(owner: Any, name: str, make: Callable[[_Original], object]) -> Iterator[None]:
    """Have `owner.name` be what `make` returns, given what it was."""
    before = owner.__dict__[name]
    setattr(owner, name, make(before.__func__ if isinstance(before, staticmethod) else before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def _fault(
    name: str, about: str, owner: Any, target: str, exchange: str = "http"
) -> Callable[[Callable[[_Original], object]], None]:
    """Name what is decorated a fault: it takes the original of `owner.target` and returns what stands in its place."""

    def take(make: Callable[[_Original], object]) -> None:
        FAULTS[name] = Fault(name, about, lambda: _replaced(owner, target, make), exchange)

    return take


def _does_nothing(*_: object, **__: object) -> None:
    return


# --- taint ------------------------------------------------------------------------------------------------------------


@_fault("taint is written late", RESTRICTED, Ledger, "taint")
def _late(original: _Original) -> object:
    # A label reaches the ledger some messages after what it is about reached the sandbox.
    waiting: list[tuple[Any, ...]] = []

    def taint(*given: object) -> None:
        waiting.append(given)
        if len(waiting) > _LATE:
            original(*waiting.pop(0))

    return taint


@_fault("what a source carries is forgotten", RESTRICTED, Delivery, "taint_carried")
def _derived_forgotten(_: _Original) -> object:
    # A filter's count or status taints nothing.
    return _does_nothing


@_fault("a state is dropped", RESTRICTED, Ledger, "taint")
def _state_dropped(original: _Original) -> object:
    # What a recipe made of a value enters without a label.

    def taint(ledger: Ledger, label: Label, *rest: object) -> None:
        if label.state != "banded":
            original(ledger, label, *rest)

    return taint


@_fault("raw data count as derived", RESTRICTED, Ledger, "taint")
def _state_laxer(original: _Original) -> object:
    # A value that enters in the clear is noted as something that merely could tell about it.

    def taint(ledger: Ledger, label: Label, *rest: object) -> None:
        original(ledger, replace(label, state=DERIVED) if label.state == RAW else label, *rest)

    return taint


@_fault("a source is mistaken for another", RESTRICTED, Ledger, "taint")
def _source_mistaken(original: _Original) -> object:
    # Every label says that its value came from the source whose data may go to the partner.

    def taint(ledger: Ledger, label: Label, *rest: object) -> None:
        original(ledger, replace(label, source="open"), *rest)

    return taint


@_fault("taint is kept in memory only", RESTRICTED, Ledger, "taint")
def _memory_only(_: _Original) -> object:
    # The store never hears of a label, so another worker, a restart or an eviction sheds it.

    def taint(ledger: Ledger, label: Label, origin: object) -> None:
        ledger._taint[label] = origin  # type: ignore[assignment]

    return taint


@_fault("the ledger is cached", RESTRICTED, Ledger, "refresh")
def _ledger_cached(original: _Original) -> object:
    # A worker reads what a session carries once, and not what other workers add.

    def refresh(ledger: Ledger, stamp: object) -> None:
        if ledger._stamp is None:
            original(ledger, stamp)

    return refresh


@_fault("a refresh is skipped", TOKENISED, Vault, "refresh")
def _refresh_skipped(original: _Original) -> object:
    # A worker does not take up the tokens that another has given out meanwhile.

    def refresh(vault: Vault, stamp: object) -> object:
        return original(vault, stamp) if vault._stamp is None else False

    return refresh


@_fault("a batch is half undone", RESTRICTED, Past, "forget")
def _half_undone(_: _Original) -> object:
    # After a failure the store is rolled back, and memory goes on believing what was undone.
    return _does_nothing


@_fault("eviction forgets", RESTRICTED, Ledger, "refresh")
def _eviction_forgets(original: _Original) -> object:
    # A session that was evicted from memory starts with an empty ledger.
    seen: dict[tuple[int, str], Ledger] = {}

    def refresh(ledger: Ledger, stamp: object) -> None:
        if seen.setdefault((id(ledger._store), ledger._scope), ledger) is ledger:
            original(ledger, stamp)

    return refresh


@_fault("each protocol has a session of its own", RESTRICTED, Engine, "judge", "mixed")
def _protocols_apart(original: _Original) -> object:
    # What is read over MCP taints nothing that is sent over HTTP.
    others: dict[tuple[object, str], Past] = {}

    def judge(engine: Engine, call: Any, message: Any) -> object:
        if message.endpoint.protocol == "http":
            return original(engine, call, message)
        apart = copy.copy(engine)
        apart._pasts = {}
        name = (engine.sessions, call.session.id)
        past = others.get(name)
        if past is None:
            own = engine.past(call.session.id)
            past = others[name] = Past(engine.store, f"{call.session.id}/mcp", own.seal, engine._token_kind)
        apart._pasts[call.session.id] = past
        return original(apart, call, message)

    return judge


# --- decisions --------------------------------------------------------------------------------------------------------


@_fault("unknown is taken for false", RESTRICTED, deciding, "_truth")
def _unknown_false(original: _Original) -> object:
    # A rule that restricts does not hold where a fact that it asks for is missing.
    return lambda *given: original(*given) is True


@_fault("a transform on carried taint passes", RESTRICTED, deciding, "_adapt")
def _transform_carried(original: _Original) -> object:
    # A rule says tokenize, there is no span to rewrite, and the message goes as it is.

    def adapt(ruling: Any) -> object:
        carried = ruling.verdict is Verdict.TRANSFORM and ruling.flow.finding is None
        return replace(ruling, verdict=Verdict.ALLOW) if carried else original(ruling)

    return adapt


@_fault("to ask is to allow", RESTRICTED, Engine, "_conclude")
def _ask_allows(original: _Original) -> object:
    # A message that waits for a person passes when nobody answers.

    def conclude(engine: Engine, work: Any, decision: Decision) -> object:
        asked = decision.verdict is Verdict.ASK
        return original(engine, work, replace(decision, verdict=Verdict.ALLOW) if asked else decision)

    return conclude


@_fault("the first label decides", RESTRICTED, pipeline, "decide")
def _first_label(original: _Original) -> object:
    # Of several flows in one message only the first is looked at.

    def decide(policy: Any, flows: Any, *given: object, **named: object) -> object:
        decision = original(policy, flows, *given, **named)
        if flows[0].route.sink == SANDBOX:
            return decision
        return replace(decision, verdict=decision.rulings[0].verdict)

    return decide


@_fault("a decision outlives its policy", RESTRICTED, Engine, "renewed")
def _policy_kept(_: _Original) -> object:
    # The policy changes, and messages are still judged by the old one.
    return lambda engine, *_: engine


@_fault("an error passes", RESTRICTED, Engine, "_fail")
def _error_passes(original: _Original) -> object:
    # A message that could not be judged, here since the audit failed, is forwarded.

    def fail(*given: object) -> object:
        return Forward(original(*given).event)

    return fail


# --- tokens -----------------------------------------------------------------------------------------------------------


class _Restarting:
    """A store whose numbers begin anew for whoever opens it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._numbers: dict[tuple[str, str], int] = {}

    def take_number(self, scope: str, kind: str) -> int:
        """Return the next number of a counter that this process keeps."""
        self._numbers[scope, kind] = self._numbers.get((scope, kind), 0) + 1
        return self._numbers[scope, kind]

    def __getattr__(self, name: str) -> object:
        """Leave all else to the store."""
        return getattr(self._store, name)


@_fault("token numbers begin anew", TOKENISED, Vault, "__init__")
def _numbers_anew(original: _Original) -> object:
    # After a restart the first token of a kind is given out a second time.

    def init(vault: Vault, store: object, *rest: object) -> None:
        original(vault, _Restarting(store), *rest)

    return init


@_fault("a vault of another session", TOKENISED, pasts, "Vault")
def _one_vault(original: _Original) -> object:
    # All sessions resolve each other's tokens.
    seal = Seal(b"\x01" * 32)
    return lambda store, _scope, _seal, *rest: original(store, "everybody", seal, *rest)


@_fault("an echo is let in", TOKENISED, Engine, "_recognise")
def _echo_let_in(original: _Original) -> object:
    # A value that an upstream says again is not known when it comes back.

    def recognise(engine: Engine, work: Any, sightings: Any) -> None:
        unread = [seen for seen in sightings if seen.finding.data_class == OPAQUE]
        original(engine, work, sightings if work.outbound else unread)

    return recognise


@_fault("an encoded echo is let in", TOKENISED, tracing, "sightings")
def _encoded_let_in(original: _Original) -> object:
    # A value is known when it comes back as it is, and not in base64.
    return lambda *given: (seen for seen in original(*given) if seen.finding.form == "exact")


@_fault("headers are not looked at", TOKENISED, tracing, "sightings")
def _headers_unseen(original: _Original) -> object:
    # What a header says is not traced.

    def sightings(parts: Any, *rest: object) -> object:
        return original([(at, part) for at, part in parts if not part.path.startswith("header/")], *rest)

    return sightings


@_fault("what is opaque is ignored", TOKENISED, tracing, "sightings")
def _opaque_ignored(original: _Original) -> object:
    # An answer that nobody can read enters.
    return lambda *given: (seen for seen in original(*given) if seen.finding.data_class != OPAQUE)


@_fault("a value is put back where the token should go", TOKENISED, Delivery, "_put_back")
def _put_back_everywhere(original: _Original) -> object:
    # A rule says tokenize, and the upstream gets the value.

    def put_back(delivery: Delivery, work: Any, upstream: str) -> object:
        for number, ruling in work.rulings.items():
            work.rulings[number] = replace(ruling, verdict=Verdict.ALLOW, transform="")
        return original(delivery, work, upstream)

    return put_back


@_fault("planted tokens are let in", TOKENISED, Delivery, "_escape")
def _planted_let_in(_: _Original) -> object:
    # Token-shaped text of an upstream enters as if it were a token.
    return lambda *_: []


def shown_by(about: str) -> Mapping[str, Fault]:
    """Return the faults that programs about this can show."""
    return {name: fault for name, fault in FAULTS.items() if fault.about == about}
