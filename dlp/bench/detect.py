"""Detection beside vanilla Presidio in one run: how much faster, and that type, span and score are the same.

Cold: nothing is remembered of an earlier body; what is loaded once for a process is loaded before. Both see a body as
one text. CPU time of this process is what is compared, so that a busy machine changes little. Longer than most
modules because all rows compare with one vanilla analyzer, prepared once.
"""

import functools
import gc
import itertools
import mmap
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dlp
from dlp.bench import bodies, fuzz
from dlp.bench.report import RATIO, Row, at_least, at_most, document, progress, row
from dlp.core import exact
from dlp.core.errors import DlpError
from dlp.core.message import Block, Direction, Endpoint, Kind, Message, Part
from dlp.core.policy import Policy
from dlp.engine.classify import Classifier
from dlp.engine.pipeline import INLINE_BYTES
from dlp.engine.scan import Scanner
from dlp.hooks.host import load_host
from dlp.policy.load import load_policy
from dlp.wire.body import read_body

type Seen = set[tuple[str, int, int, float]]
"""Entity, start, end, score."""

MODELLED = ("PERSON", "LOCATION", "NRP", "DATE_TIME")
"""What vanilla Presidio takes from a model as it comes; it ignores organisations."""

FACTOR = f"{RATIO}vanilla Presidio"
TEXTS = 10_000
_KB, _MB = 1000, 1_000_000
_ROUNDS = 3


def run() -> dict[str, object]:
    """Measure everything; return the rows as one object.

    Raises:
        DlpError: results differ from vanilla Presidio's where they must not.

    """
    with tempfile.TemporaryDirectory(prefix="dlp-bench-") as name:
        cache = Path(name)
        vanilla()("what is loaded once")
        gc.freeze()  # as the proxy does once it is ready
        rows = _without_model(cache)
        rows += _differences(cache, TEXTS)
        rows += _with_model(cache)
        rows += _secrets(cache)
        rows += _policy(cache)
        rows += _machines(cache)
        rows += _exact(cache)
    return document("detect", rows)


class Ours:
    """Presidio's recognizers by way of the scan, whatever a policy would ask for and at every score."""

    def __init__(self, cache: Path | None = None) -> None:
        from dlp_presidio import look  # noqa: PLC0415  Presidio is imported only where it is compared
        from dlp_presidio.recognize import Recognizers  # noqa: PLC0415

        self._recognizers = Recognizers("en")
        self._scanner = Scanner({"dlp_presidio": look.patterns(ner=False)}, cache)

    def __call__(self, text: str, words: Sequence[str] = (), around: Any = None, beside: Sequence[Any] = ()) -> Seen:
        """Return what is seen in a text.

        `around` tells the words near a value, which lift its score; `beside` is what else was seen, as candidates.
        """
        from dlp_presidio.recognize import in_context  # noqa: PLC0415

        ends_of: dict[str, set[int]] = {}
        for hit in self._scanner.hits([Part("", text)]).get("dlp_presidio", ()):
            if hit.pattern in ends_of:
                ends_of[hit.pattern].add(hit.end)
            else:
                ends_of[hit.pattern] = {hit.end}
        wanted: dict[str, set[int]] = {}
        for pattern, ends in ends_of.items():
            if entity := _looked_for(pattern):
                wanted[entity] = wanted.get(entity, set()) | ends
        hits = {entity: () if -1 in ends else ends for entity, ends in wanted.items()}
        found = in_context([*self._recognizers.candidates(text, hits), *beside], words, around)
        return {(one.entity, one.start, one.end, round(one.score, 6)) for one in found}


@functools.cache
def _looked_for(pattern: str) -> str:
    """Return the entity that Presidio's recognizers may see where a pattern matches; "" where they see none."""
    entity, _, kind = pattern.partition(".")
    return entity if kind in ("", "weak") and entity != "PERSON" else ""


class Modelled:
    """What Presidio sees with a model, by way of the scan, with only the pipes that are needed."""

    def __init__(self, ours: Ours, model: Any) -> None:
        self._ours, self._model = ours, model

    def __call__(self, text: str, words: Sequence[str] = ()) -> Seen:
        """Return what is seen in a text as a whole."""
        from dlp_presidio.context import Result  # noqa: PLC0415

        (spans,), keywords = _forgetful(self._model).read([text], {text})
        beside = [
            (Result(entity, start, end, score, "model"), ())
            for entity, start, end, score in spans
            if entity in MODELLED
        ]
        return self._ours(text, words, keywords[text], beside)


def vanilla(model: str = "") -> Callable[..., Seen]:
    """Return Presidio's analyzer as it comes: without a model, with a `blank` tokenizer, or with a model at a path."""
    from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415  the baseline, imported only where it runs
    from presidio_analyzer.nlp_engine import NlpEngine, NlpEngineProvider, NoOpNlpEngine, SpacyNlpEngine  # noqa: PLC0415
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider  # noqa: PLC0415

    engine: NlpEngine
    if not model:
        engine = NoOpNlpEngine([{"lang_code": "en", "model_name": ""}])
        engine.load()
    elif model == "blank":
        import spacy  # noqa: PLC0415

        engine = SpacyNlpEngine([{"lang_code": "en", "model_name": model}])
        engine.nlp = {"en": spacy.blank("en")}  # type: ignore[assignment]
        engine.nlp["en"].max_length = 10 * _MB  # type: ignore[index]
    else:
        given = NlpEngineProvider().nlp_configuration  # Presidio's default, for another model
        engine = NlpEngineProvider(
            nlp_configuration=given | {"models": [{"lang_code": "en", "model_name": model}]}
        ).create_engine()
    given_engine = engine if model not in ("", "blank") else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it adds the model's recognizer
        registry = RecognizerRegistryProvider(
            registry_configuration={"supported_languages": ["en"]}, nlp_engine=given_engine
        ).create_recognizer_registry()
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine)

    def analyze(text: str, words: Sequence[str] = ()) -> Seen:
        found = analyzer.analyze(text, "en", context=list(words))
        return {(one.entity_type, one.start, one.end, round(one.score, 6)) for one in found}

    return analyze


def forget() -> None:
    """Forget what is remembered of earlier texts."""
    from dlp_presidio import phones  # noqa: PLC0415

    for kept in vars(phones).values():
        parameters: Callable[[], dict[str, object]] | None = getattr(kept, "cache_parameters", None)
        if parameters is not None and parameters()["maxsize"] == phones.REMEMBERED:
            kept.cache_clear()


def log(size: int, seed: int = 1) -> str:
    """Return about that many characters of a service's log, with people's data in two lines of five."""
    chance = random.Random(seed)  # noqa: S311  the same load in every run
    lines: list[str] = []
    length = 0
    while length < size:
        number = chance.randrange(10**6)
        said = (
            f"user u{number}@example.com logged in from 10.{number % 251}.{number % 241}.{number % 239}",
            f"GET /v1/orders/{number} took {number % 900} ms status 200",
            f"sms sent to +1 {201 + number % 700}-{200 + number % 799}-{number % 10000:04}",
            f"cache miss key=item:{number}",
            f"queue depth {number % 97} worker idle",
        )
        moment = f"2026-11-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:{number % 59:02}.{number % 1000:03}Z"
        lines.append(f"{moment} INFO worker-{number % 9} req={chance.getrandbits(64):016x} {chance.choice(said)}\n")
        length += len(lines[-1])
    return "".join(lines)


def plain(size: int, seed: int = 1) -> str:
    """Return about that many characters of JSON in which vanilla Presidio sees nothing."""
    page = bodies.large(seed).decode()
    tickets = [ticket.partition(',"updated"')[0] + "}" for ticket in page.split("},{")]
    text = "},{".join(tickets)
    return (text * (size // len(text) + 1))[:size]


def _compared(
    name: str, ours: Callable[[str], Seen], theirs: Callable[[str], Seen], text: str, bar: float | None
) -> tuple[Row, Seen, Seen]:
    taken, bases = [], []
    seen: Seen = set()
    expected: Seen = set()
    gc.collect()
    gc.freeze()
    for _ in range(_ROUNDS):  # by turns, so that what else the machine does slows both
        forget()
        start = time.process_time()
        seen = ours(text)
        taken.append(time.process_time() - start)
        start = time.process_time()
        expected = theirs(text)
        bases.append(time.process_time() - start)
    base, least = min(bases), min(taken)  # what is not slowed by others is what they take
    ratio = base / least
    progress(f"{name}: {ratio:.1f} times vanilla, {len(text) / least / _KB:.0f} KB/s")
    rate = len(text) / base / _KB
    return at_least(f"speed/{name}", ratio, FACTOR, bar, rate), seen, expected


def _same(name: str, seen: Seen, expected: Seen) -> None:
    if seen != expected:
        raise DlpError(
            f"bench: {name}: expected what vanilla Presidio sees, got {len(seen - expected)} more and "
            f"{len(expected - seen)} fewer"
        )


def _without_model(cache: Path) -> list[Row]:
    ours, theirs = Ours(cache), vanilla()
    for text in (bodies.large_personal(9).decode(), log(100 * _KB, 9), bodies.large(9).decode()):
        ours(text)  # what is loaded once for the process
    theirs(log(5 * _KB, 9))
    rows = []
    for name, text, bar in (
        ("no model, 100 KB JSON with personal data", bodies.large_personal(1).decode(), 10.0),
        ("no model, 100 KB without personal data", plain(100 * _KB), 50.0),
        ("no model, 100 KB JSON with timestamps alone", bodies.large(1).decode(), None),
        ("no model, 100 KB log with personal data", log(100 * _KB), 10.0),
    ):
        measured, seen, expected = _compared(name, ours, theirs, text, bar)
        _same(name, seen, expected)
        rows.append(measured)
    blank = vanilla("blank")
    blank("warm up")
    name = "with tokens for context, 100 KB JSON"
    measured, seen, expected = _compared(name, tokenised(ours), blank, bodies.large_personal(1).decode(), 30.0)
    _same(name, seen, expected)
    return [*rows, measured]


def tokenised(ours: Ours) -> Callable[..., Seen]:
    """Return what looks for context in the tokens of a blank pipeline, as `vanilla("blank")` does.

    Presidio compares lemmas, which tokens have only where a pipe gives them one: of a pipeline without pipes there is
    nothing to ask, and so no text is split.
    """
    import spacy  # noqa: PLC0415

    if spacy.blank("en").pipe_names:
        raise DlpError("bench: expected spaCy's blank pipeline to have no pipes, got some: their lemmas count")
    return ours


def _agreement(name: str, seen: Seen, expected: Seen) -> list[Row]:
    """Return how much of what vanilla sees is seen, and how much is seen beyond that, scores left aside."""
    ours, theirs = ({one[:3] for one in each} for each in (seen, expected))
    return [
        row(f"recall of vanilla's findings/{name}", 100 * len(ours & theirs) / max(1, len(theirs)), "%"),
        row(f"findings with vanilla's score/{name}", 100 * len(seen & expected) / max(1, len(expected)), "%"),
        row(f"findings beyond vanilla's/{name}", float(len(ours - theirs)), ""),
    ]


def _differences(cache: Path, count: int) -> list[Row]:
    """Compare on fuzzed texts; every difference is one too many."""
    ours, theirs = Ours(cache), vanilla()
    different = _different(ours, theirs, count)
    progress(f"{count} fuzzed texts without a model: {different} differ")
    tokens = _different(tokenised(ours), vanilla("blank"), count // 10)
    return [
        at_most(f"differences/no model, {count} fuzzed texts", float(different), "texts", 0.0, 0.0),
        at_most(f"differences/with tokens, {count // 10} fuzzed texts", float(tokens), "texts", 0.0, 0.0),
    ]


CONTEXTS: tuple[tuple[str, ...], ...] = (
    (),
    (),
    ("phone",),
    ("ssn", "employee"),
    ("account",),
    ("license",),
    ("date",),
)
"""Words that a text's key may bring along."""


def _different(ours: Callable[..., Seen], theirs: Callable[..., Seen], count: int) -> int:
    return sum(
        ours(text, words) != theirs(text, words)
        for text, words in zip(fuzz.texts(count), itertools.cycle(CONTEXTS), strict=False)
    )


def _with_model(cache: Path) -> list[Row]:
    from dlp_presidio.model import Model, model_path  # noqa: PLC0415

    path = model_path()
    if path is None:
        progress("the language model is not installed: nothing is measured with it")
        return []
    ours, theirs, model = Ours(cache), vanilla(str(path)), Model(path)
    theirs("warm up")
    whole = Modelled(ours, model)
    whole("warm up")

    def leaves(text: str) -> Seen:
        return ours(text) | _in_leaves(_forgetful(model), text)

    text = bodies.large_personal(1).decode()
    name = "md model, 100 KB JSON"
    measured, seen, expected = _compared(name, whole, theirs, text, 3.0)
    _same(name, seen, expected)
    rows = [measured]
    name = "md model, 100 KB JSON, leaf by leaf"
    measured, seen, expected = _compared(name, leaves, theirs, text, 10.0)
    rows += [measured, *_agreement(name, seen, expected)]
    different = _different(whole, theirs, TEXTS)
    progress(f"{TEXTS} fuzzed texts with the model: {different} differ")
    return [*rows, at_most(f"differences/md model, {TEXTS} fuzzed texts", float(different), "texts", 0.0, 0.0)]


def _taken(spans: Iterable[tuple[str, int, int, float]]) -> Seen:
    return {(entity, start, end, round(score, 6)) for entity, start, end, score in spans if entity in MODELLED}


def _forgetful(model: Any) -> Any:
    model._known.clear()  # noqa: SLF001  nothing is remembered of an earlier body
    return model


def _in_leaves(model: Any, text: str) -> Seen:
    """Return what the model sees in the leaves of JSON, at their places in the whole."""
    parts = read_body(text.encode(), "application/json", "", limit=10 * _MB).block.parts
    from dlp_presidio.model import worth_reading  # noqa: PLC0415

    texts = [part.text for part in parts if part.kind is not Kind.NUMBER and worth_reading(part.text)]
    found: Seen = set()
    place = 0
    for leaf, spans in zip(texts, model.spans(texts), strict=True):
        at = text.find(leaf, place)
        if at >= 0:
            place = at
            found |= {(one[0], one[1] + at, one[2] + at, one[3]) for one in _taken(spans)}
    return found


def _secrets(cache: Path) -> list[Row]:
    host = load_host([("dlp_secrets", {})])
    scanner = Scanner(host.patterns(), cache)
    parts = (Part("", log(_MB, 3)),)
    message = Message(Direction.OUTBOUND, Endpoint("http", "http://localhost:1", "POST"), (Block(lambda: parts),))
    scanner.hits(parts)
    taken = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        host.classify(message, scanner.hits(parts))
        taken.append(time.process_time() - start)
    rate = len(parts[0].text) / statistics.median(taken) / _MB
    progress(f"secrets: {rate:.0f} MB/s")
    return [at_least("secrets/all rules, 1 MB", rate, "MB/s", 100.0)]


def _machines(cache: Path) -> list[Row]:
    """Count what is taken for a person where nobody is: in what machines write about machines.

    The rules that part them were written with such lines at hand, so that this guards them and promises nothing more.
    """
    counts = []
    for only in (False, True):
        host = load_host([("dlp_presidio", {"ner": "auto", "presidio_only": only})])
        classifier = Classifier(host, _default_policy().classes.values(), cache)
        size = found = 0
        for number in range(4):
            for media, body in bodies.machines(number):
                size += len(body)
                parts = read_body(body, media, "", limit=10 * _MB).block.parts
                found += sum(one.data_class == "pii.person" for one in classifier.classify(parts))
        counts.append(found * _MB / size)
    progress(f"people found per MB that machines wrote: {counts[0]:.0f}, by Presidio alone {counts[1]:.0f}")
    return [row("false alarms/people per MB that machines wrote", counts[0], "per MB", counts[1])]


def _exact(cache: Path) -> list[Row]:
    """Compare looking up in a table of a million rows with one of a thousand, in a text that holds none of either."""
    key, text = b"bench".ljust(32), log(_MB, 6)
    costs, size, taken = [], 0, 0.0
    for count in (1000, 1_000_000):
        start = time.process_time()
        made, _ = exact.build((f"E-{7_000_000 + number}" for number in range(count)), key, "employee", count)
        taken, size = time.process_time() - start, len(made)
        place = cache / f"{count}.table"
        place.write_bytes(made)
        with place.open("rb") as file:
            table = exact.load(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), key)
        costs.append(min(_looked_up(table, key, text) for _ in range(_ROUNDS)))
    progress(
        f"a table of a million rows: made in {taken:.0f} s, {costs[1] / costs[0]:.2f} times the cost of a thousand"
    )
    return [
        at_most("exact/looking up in 1,000,000 rows against 1,000", costs[1] / costs[0], "times", 1.5),
        row("exact/making a table of 1,000,000 rows", taken, "s"),
        row("exact/table of 1,000,000 rows", size / 1_000_000, "bytes a row"),
    ]


def _looked_up(table: exact.Table, key: bytes, text: str) -> float:
    known = exact.Known([table], key)
    start = time.process_time()
    if any(known.find(text)):
        raise DlpError("bench: exact: expected no row of the table in the text")
    return time.process_time() - start


def _policy(cache: Path) -> list[Row]:
    """Measure what the product spends with the policy that `dlp init` writes: by size, and what holds the loop."""
    classifier = Classifier(
        load_host([("dlp_presidio", {"ner": "off"}), ("dlp_secrets", {})]), _default_policy().classes.values(), cache
    )
    classifier.classify([Part("", log(100 * _KB, 9))])
    costs = {}
    for size in (_KB, 10 * _KB, 100 * _KB, _MB, 10 * _MB):
        count = max(1, 300 * _KB // size)
        texts = [log(size, 100 + number) for number in range(count)]
        taken = [_classifying(classifier, texts) for _ in range(_ROUNDS if size <= _MB else 1)]
        costs[size] = 1e9 * min(taken) / sum(map(len, texts))  # what is not slowed by others is what it takes
        progress(f"{size} bytes of log: {costs[size]:.0f} ns a byte")
    rows = [row(f"cost by size/{size // _KB} KB", cost, "ns a byte") for size, cost in costs.items()]
    rows.append(at_most("cost by size/most against least", max(costs.values()) / min(costs.values()), "times", 1.5))
    end = "\ncall +1 212 555 0142 now"
    text = log(10 * _MB - len(end), 4) + end
    last = [one for one in classifier.classify([Part("", text)]) if one.data_class == "pii.phone"]
    rows.append(at_least("reach/telephone numbers found in the last line of 10 MB", _at_end(last, text), "", 1.0))
    parts = read_body(bodies.large_personal(3), "application/json", "", limit=_MB).block.parts
    inline = _first(parts, INLINE_BYTES)
    forget()
    start = time.process_time()
    classifier.classify(inline)
    rows.append(
        at_most("held up/by what is classified inline at most", 1e3 * (time.process_time() - start), "ms", 20.0)
    )
    return rows


def _classifying(classifier: Classifier, texts: Iterable[str]) -> float:
    """Return the seconds that texts take, cold."""
    forget()
    start = time.process_time()
    for text in texts:
        classifier.classify([Part("", text)])
    return time.process_time() - start


def _first(parts: Iterable[Part], size: int) -> list[Part]:
    taken: list[Part] = []
    for part in parts:
        size -= len(part.text)
        if size < 0:
            break
        taken.append(part)
    return taken


def _at_end(found: Sequence[Any], text: str) -> float:
    return float(sum(text[one.start : one.end] == "+1 212 555 0142" for one in found))


def _default_policy() -> Policy:
    from dlp.policy.skeleton import FILES  # noqa: PLC0415

    files: Mapping[str, str] = FILES
    here = Path(dlp.__file__).parent
    packs = here / "shipped_rules" if (here / "shipped_rules").is_dir() else here.parent / "rules"
    with tempfile.TemporaryDirectory(prefix="dlp-bench-") as name:
        file = Path(name) / "policy.yaml"
        file.write_text(files["policy.yaml"], "utf-8")
        return load_policy(file, packs=packs)
