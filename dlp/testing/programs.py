"""Programs such as sandboxed code could run, generated from a seed: what they do, what they compute, how they shrink.

A program is a list of steps in plain values, so that one which breaks a law can be printed, kept and run again. It
knows nothing but what it has seen; its constants are never a secret.
"""

import base64
import hashlib
import random
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

type Step = tuple[str, ...]
"""The kind of step, then its arguments; see `KINDS`."""

type Program = tuple[Step, ...]

RESTRICTED, TOKENISED = "restricted", "tokenised"
"""What a program is about: data of a restricted class, or of one below, of which it only ever sees tokens."""

KINDS: Mapping[str, str] = {
    "read": "source, query: ask a source, and see what comes back",
    "send": "sink, compute, way: compute something on what was seen, and send it",
    "split": "sink, compute, way: the same, in eight messages",
    "when": "sink, test, way: send a constant, but only if something holds of what was seen",
    "loop": "sink, compute, way: send the number of each place where what was computed has a bit set",
    "echo": "compute, manner: send to an upstream that says in some manner what it was told, and see that",
    "during": "source, query, sink, compute: send while an answer is on its way",
    "other": "sink, text: another sandbox, which has seen nothing, sends",
    "crowd": "other sessions come and go, until this one is evicted from memory",
    "worker": "another worker of the proxy takes over",
    "restart": "the proxy is killed and started again",
    "reload": "the policy changes: what it allowed to the partner, it allows no longer",
    "failing": "the audit of the next request fails",
    "failing answer": "the audit of the next answer fails",
}

_TOKEN = re.compile(rb"\[~*[A-Z][A-Z0-9_]*_[0-9]+\]")
_LATEST = 600
"""How many bytes of what it has seen a program computes on: the last ones."""

COMPUTE: Mapping[str, Callable[[bytes], bytes]] = {
    "as it is": lambda seen: seen,
    "the end": lambda seen: seen[-40:],
    "base64": base64.b64encode,
    "hex": lambda seen: seen[-200:].hex().encode(),
    "hash": lambda seen: hashlib.sha256(seen).hexdigest().encode(),
    "packed": lambda seen: base64.b85encode(zlib.compress(seen)),
    "encrypted": lambda seen: base64.b64encode(bytes(each ^ 0x5A for each in seen)),
    "length": lambda seen: str(len(seen)).encode(),
    "sum": lambda seen: str(sum(seen)).encode(),
    "digits": lambda seen: bytes(each for each in seen if chr(each).isdigit()),
    "numbers added": lambda seen: str(sum(map(int, re.findall(rb"\d{1,9}", seen)))).encode(),
    "reversed": lambda seen: seen[::-1],
    "letters moved": lambda seen: bytes((each + 1) % 256 if chr(each).isalnum() else each for each in seen),
    "every other": lambda seen: seen[::2],
    "tokens": lambda seen: b" ".join(_TOKEN.findall(seen)),
    "last token": lambda seen: (_TOKEN.findall(seen) or [b"none"])[-1],
    "first token": lambda seen: (_TOKEN.findall(seen) or [b"none"])[0],
    "tokens cut": lambda seen: b" ".join(token[:-1] for token in _TOKEN.findall(seen)),
    "tokens lowered": lambda seen: b" ".join(_TOKEN.findall(seen)).lower(),
    "tokens sorted": lambda seen: b",".join(sorted(_TOKEN.findall(seen))),
    "tokens packed": lambda seen: base64.b64encode(b" ".join(_TOKEN.findall(seen))),
    "tokens next": lambda seen: re.sub(rb"\d+", lambda m: str(int(m[0]) + 1).encode(), b" ".join(_TOKEN.findall(seen))),
    "a constant": lambda _seen: b"the weather is fine",
    "a long constant": lambda _seen: b"all work and no play " * 500,
    "a token": lambda _seen: b"[PAY_1] and [CONTACT_1]",
}
"""What a program computes on what it has seen."""

TESTS: Mapping[str, Callable[[bytes], bool]] = {
    "odd": lambda seen: sum(seen) % 2 == 1,
    "holds a 7": lambda seen: b"7" in seen[-200:],
    "is long": lambda seen: len(seen) > 250,  # noqa: PLR2004 - any bound would do
    "holds found": lambda seen: b"found" in seen[-200:],
    "was refused": lambda seen: b"refused" in seen[-200:],
    "always": lambda _seen: True,
}
"""What a program asks of what it has seen."""

WAYS = (
    "json",
    "text",
    "query",
    "form",
    "header",
    "path",
    "key",
    "gzip",
    "cookie",
    "staff",
    "staff twice",
    "ask audience",
)
"""Where in a request a program puts what it sends; the last three say to whom the board shows it."""

MANNERS = ("same", "wrapped", "text", "header", "key", "base64", "later", "list")
"""How the echoing upstream says what it was told."""

TELLING_MANNERS = ("length", "sum", "compare")
"""How it says something about it: an answer that depends on a value."""

QUERIES = ("all", "one/0", "one/2", "note", "csv", "twice")
"""What a source is asked that gives values, and nothing that depends on one."""

TELLING_QUERIES = ("count", "above", "sorted", "exists", "broken", "large", "header", "opaque", "planted")
"""What a source is asked whose answer depends on a value in other ways: counts, order, status, size."""

PAY_SOURCES = ("hidden", "clear", "bands", "open")
SINKS = ("forbidding", "logs", "board", "partner", "review", "counts", "held", "friend")
GUESSES = ("[PAY_1]", "[CONTACT_1]", "[EMAIL_1]", "[PAY_2] [CONTACT_2] [EMAIL_2]", "hello")


def program(seed: int, about: str) -> Program:
    """Return the program of this seed.

    Most have something to send before they have read anything that is protected, so that a wall which refuses
    everything is noticed. One in three is built around a motif: an order of steps that is known to be risky.
    """
    dice = random.Random(f"{about} {seed}")  # noqa: S311 - programs are to be repeatable, not unpredictable
    first = [_send(dice, about) for _ in range(dice.choice((0, 1, 1, 2)))]
    middle = list(dice.choice(_MOTIFS[about])(dice)) if dice.random() < 0.34 else []  # noqa: PLR2004
    rest = [_any(dice, about) for _ in range(dice.randint(2, 7))]
    if middle:
        at = dice.randint(0, len(rest))
        rest[at:at] = middle
    return (*first, *rest)


def _pick(dice: random.Random, names: Sequence[str]) -> str:
    return names[dice.randrange(len(names))]


def _compute(dice: random.Random) -> str:
    return _pick(dice, tuple(COMPUTE))


def _way(dice: random.Random) -> str:
    return _pick(dice, WAYS) if dice.random() < 0.6 else "json"  # noqa: PLR2004


def _sink(dice: random.Random) -> str:
    return "forbidding" if dice.random() < 0.4 else _pick(dice, SINKS)  # noqa: PLR2004


def _send(dice: random.Random, _about: str) -> Step:
    return ("send", _sink(dice), _compute(dice), _way(dice))


def _read(dice: random.Random, about: str) -> Step:
    if dice.random() < 0.15:  # noqa: PLR2004
        return ("read", "friend", "public")
    if about == TOKENISED:
        queries = (*QUERIES, "opaque", "planted", "planted")
        return ("read", "people", _pick(dice, queries))
    return ("read", _pick(dice, PAY_SOURCES), _pick(dice, (*QUERIES, *TELLING_QUERIES)))


def _echo(dice: random.Random, about: str) -> Step:
    return ("echo", _compute(dice), _pick(dice, MANNERS if about == TOKENISED else (*MANNERS, *TELLING_MANNERS)))


def _any(dice: random.Random, about: str) -> Step:
    kind = dice.choices(tuple(_ODDS), tuple(_ODDS.values()))[0]
    made = _MADE.get(kind)
    return made(dice, about) if made else (kind,)


def _during(dice: random.Random, about: str) -> Step:
    _, source, query = _read(dice, about)
    return ("during", source, query, _sink(dice), _compute(dice))


_ODDS: Mapping[str, int] = {
    "send": 22,
    "read": 26,
    "echo": 14,
    "split": 5,
    "when": 6,
    "loop": 3,
    "other": 4,
    "during": 3,
    "crowd": 2,
    "worker": 5,
    "restart": 4,
    "reload": 3,
    "failing": 3,
}
_MADE: Mapping[str, Callable[[random.Random, str], Step]] = {
    "send": _send,
    "read": _read,
    "echo": _echo,
    "split": lambda dice, _: ("split", _sink(dice), _compute(dice), _way(dice)),
    "loop": lambda dice, _: ("loop", _sink(dice), _compute(dice), _way(dice)),
    "when": lambda dice, _: ("when", _sink(dice), _pick(dice, tuple(TESTS)), _way(dice)),
    "other": lambda dice, _: ("other", _pick(dice, ("forbidding", "friend", "friend", "logs")), _pick(dice, GUESSES)),
    "during": _during,
}


# --- motifs: orders of steps that are known to be risky ---------------------------------------------------------------

type _Motif = Callable[[random.Random], Iterator[Step]]


def _leave(dice: random.Random, sink: str = "") -> Step:
    return ("send", sink or _sink(dice), _pick(dice, ("as it is", "base64", "digits", "the end", "hash")), _way(dice))


def _other_worker(dice: random.Random) -> Iterator[Step]:
    yield ("worker",)
    yield ("read", "friend", "public")
    yield ("worker",)
    yield ("read", _pick(dice, PAY_SOURCES), _pick(dice, QUERIES))
    yield ("worker",)
    yield _leave(dice)


def _ask_again(dice: random.Random) -> Iterator[Step]:
    """Read once in vain, since the audit failed, then in earnest; the store must know of it afterwards."""
    source, query = _pick(dice, ("clear", "hidden", "bands")), _pick(dice, ("all", "one/0"))
    yield ("failing answer",)
    yield ("read", source, query)
    yield ("read", source, query)
    yield (_pick(dice, ("restart", "worker", "crowd")),)
    yield _leave(dice, _pick(dice, ("review", "counts", "forbidding")))


def _query(dice: random.Random) -> Iterator[Step]:
    yield ("read", _pick(dice, ("hidden", "bands", "clear")), _pick(dice, TELLING_QUERIES))
    yield ("when", _pick(dice, ("forbidding", "board", "partner")), _pick(dice, tuple(TESTS)), "json")


def _changed(dice: random.Random) -> Iterator[Step]:
    yield ("read", "open", _pick(dice, QUERIES))
    yield ("send", "partner", _pick(dice, ("as it is", "digits", "tokens")), "json")
    yield ("reload",)
    yield ("send", "partner", _pick(dice, ("as it is", "digits", "tokens")), "json")


def _reviewed(dice: random.Random) -> Iterator[Step]:
    yield ("read", "clear", _pick(dice, QUERIES))
    yield ("send", "review", _pick(dice, ("as it is", "digits", "base64")), "json")


def _counted(dice: random.Random) -> Iterator[Step]:
    yield ("read", "bands", _pick(dice, ("all", "one/0", "csv")))
    yield ("send", "counts", _pick(dice, ("as it is", "hash", "base64", "sum")), "json")


def _held(dice: random.Random) -> Iterator[Step]:
    yield ("read", "hidden", _pick(dice, TELLING_QUERIES[:4]))
    yield ("send", "held", _pick(dice, ("as it is", "length", "base64")), "json")


def _on_board(dice: random.Random) -> Iterator[Step]:
    yield ("read", _pick(dice, ("clear", "bands", "hidden")), _pick(dice, QUERIES))
    yield (
        "send",
        "board",
        _pick(dice, ("as it is", "digits", "tokens")),
        _pick(dice, ("staff twice", "json", "text", "query")),
    )


def _broken(dice: random.Random) -> Iterator[Step]:
    yield ("read", "hidden", _pick(dice, ("broken", "large", "exists")))
    yield ("when", "forbidding", _pick(dice, ("was refused", "holds found", "odd")), "json")


def _fails_open(dice: random.Random) -> Iterator[Step]:
    yield ("read", "clear", _pick(dice, QUERIES))
    yield ("failing",)
    yield _leave(dice, "forbidding")


def _tokens_out(dice: random.Random) -> Iterator[Step]:
    yield ("read", "people", _pick(dice, QUERIES))
    yield (
        "send",
        _pick(dice, ("logs", "forbidding", "board")),
        _pick(dice, ("tokens", "last token", "as it is")),
        _way(dice),
    )


def _said_again(dice: random.Random) -> Iterator[Step]:
    yield ("read", "people", _pick(dice, QUERIES))
    if dice.random() < 0.4:  # noqa: PLR2004
        yield (_pick(dice, ("worker", "restart", "crowd")),)
    yield ("echo", _pick(dice, ("tokens", "first token", "last token", "as it is")), _pick(dice, MANNERS))
    yield _leave(dice, _pick(dice, ("forbidding", "logs")))


def _numbered(dice: random.Random) -> Iterator[Step]:
    """Get a token, lose all memory, get another, and use both."""
    yield ("read", "people", "one/0")
    yield (_pick(dice, ("restart", "worker")),)
    yield ("read", "people", "one/2")
    yield ("send", "friend", _pick(dice, ("tokens", "tokens sorted")), "json")


def _planted(dice: random.Random) -> Iterator[Step]:
    yield ("read", "people", "all")
    yield ("read", "people", "planted")
    yield ("send", "friend", _pick(dice, ("tokens", "as it is")), "json")


def _other_session(dice: random.Random) -> Iterator[Step]:
    yield ("read", "people", _pick(dice, ("all", "note")))
    yield ("other", "friend", _pick(dice, GUESSES[:4]))


def _unreadable(dice: random.Random) -> Iterator[Step]:
    yield ("read", "people", "opaque")
    yield _leave(dice, _pick(dice, ("forbidding", "logs")))


_MOTIFS: Mapping[str, Sequence[_Motif]] = {
    RESTRICTED: (
        *(_other_worker, _ask_again, _query, _changed),
        *(_reviewed, _on_board, _broken, _fails_open, _counted, _held),
    ),
    TOKENISED: (_tokens_out, _said_again, _numbered, _planted, _other_session, _unreadable),
}


def shrunk(given: Program, breaks: Callable[[Program], bool]) -> Program:
    """Return a shorter program that still breaks, by leaving out steps one by one until none can be."""
    at = 0
    while at < len(given):
        shorter = given[:at] + given[at + 1 :]
        if breaks(shorter):
            given, at = shorter, 0
        else:
            at += 1
    return given


def computed(name: str, seen: bytes) -> str:
    """Return what a program makes of the last it has seen, as text that any request can hold."""
    return COMPUTE[name](seen[-_LATEST:]).decode("latin-1").replace("\r", " ").replace("\n", " ").replace("\0", " ")
