"""Rule tests: a policy, what a session has seen, a message, and the decision that is expected.

What is tested here is the policy. A message is given by its labels; one with a real body (`json:`, `text:`) has to be
parsed and classified first, which is the engine's to do.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dlp.core.combined import UNTRUSTED, kind_of
from dlp.core.errors import PolicyError
from dlp.core.label import DERIVED, OPAQUE, RAW, SANDBOX, TOKENISED, DataClass, Label, State, Tracking, ancestors
from dlp.core.message import MCP_METHODS, Direction, Endpoint, Fact, Facts
from dlp.core.policy import (
    TRANSFORMS,
    Decision,
    Flow,
    Place,
    Policy,
    Route,
    Verdict,
    decide,
    leading,
    sink_of,
    source_of,
)
from dlp.policy.exceptions import moment
from dlp.policy.paths import parse_url
from dlp.policy.when import NO_TOOL
from dlp.strict_yaml import (
    Node,
    Scalar,
    Sequence,
    YamlError,
    expect_choice,
    expect_integer,
    expect_list,
    expect_map,
    expect_text,
    expect_texts,
    fail,
    kind,
    load,
    plain,
)

_PAST = ("read", "untrusted", "traced", "at")
_VERDICTS = (*(verdict.name.lower() for verdict in Verdict), *TRANSFORMS)


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """A label that a message or a session has; `part` is where in the message, `count` on how many distinct values."""

    label: Label
    part: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to come out; an empty field says nothing. `verdict` may be a transform's name."""

    verdict: str
    rule: str = ""
    missing: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test. `body` is the kind of a real body (`json` or `text`), "" where the labels are given instead.

    `read` are sources that the session has read from, besides those of its taint; `untrusted`, that it has read
    untrusted content in the clear, and `traced` the facts whose values come from there. `at` is the time of the test in
    seconds since the epoch; without one, no exception holds.
    """

    name: str
    place: str
    direction: Direction
    endpoint: Endpoint
    expected: Expected
    agent: str = ""
    purpose: str = ""
    trusted: Mapping[str, Fact] = field(default_factory=dict)
    taint: tuple[Label, ...] = ()
    reviewed_by: frozenset[str] = frozenset()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    labels: tuple[GivenLabel, ...] = ()
    body: str = ""
    content: object = field(default=None, repr=False)
    read: tuple[str, ...] = ()
    untrusted: bool = False
    traced: tuple[str, ...] = ()
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A file of tests and the policy they are about."""

    policy: Path
    tests: tuple[RuleTest, ...]


def load_rehearsal(path: Path, *, read: Callable[[Path], bytes] = Path.read_bytes) -> Rehearsal:
    """Return the tests in a file.

    Raises:
        PolicyError: the file cannot be read or says something unknown; the text begins with the place.

    """
    try:
        return parse_rehearsal(load(read(path), str(path)), path)
    except OSError as error:
        raise PolicyError(f"{path}:1:1: rule tests: cannot be read: {error.strerror or type(error).__name__}") from None
    except YamlError as error:
        raise PolicyError(str(error)) from None


def parse_rehearsal(root: Node, path: Path) -> Rehearsal:
    """Return the tests in a document that stands at `path`."""
    keys = expect_map(root, "rule tests", ("policy", "tests"), need=("policy", "tests"))
    tests = tuple(_test(node) for node in expect_list(keys["tests"], "tests"))
    return Rehearsal(path.parent / expect_text(keys["policy"], "policy"), tests)


def _test(node: Node) -> RuleTest:
    keys = expect_map(node, "test", ("name", "given", "message", "expect"), need=("name", "message", "expect"))
    name = expect_text(keys["name"], "test: name")
    what = f"test {name}"
    given_keys = ("agent", "purpose", "trusted", "taint", "reviewed_by", *_PAST)
    given = expect_map(keys["given"], f"{what}: given", given_keys) if "given" in keys else {}
    message_keys = ("outbound", "inbound", "facts", "labels", "json", "text")
    message = expect_map(keys["message"], f"{what}: message", message_keys)
    ways = [key for key in ("outbound", "inbound") if key in message]
    if len(ways) != 1:
        fail(keys["message"], f"{what}: message: expected either outbound or inbound, got {len(ways)} of them")
    bodies = [key for key in ("json", "text") if key in message]
    if len(bodies) + ("labels" in message) > 1:
        fail(keys["message"], f"{what}: message: expected one of labels, json and text")
    told = next((key for key in _PAST if key in given), "")
    if bodies and told:
        fail(
            given[told], f"{what}: given: {told} goes with a message that is given by its labels, not with a real body"
        )
    way = ways[0]
    return RuleTest(
        name=name,
        place=f"{node.mark.file}:{node.mark.line}",
        direction=Direction(way),
        endpoint=_endpoint(message[way], f"{what}: {way}"),
        expected=_expected(keys["expect"], f"{what}: expect"),
        agent=expect_text(given["agent"], f"{what}: agent") if "agent" in given else "",
        purpose=expect_text(given["purpose"], f"{what}: purpose") if "purpose" in given else "",
        trusted=_facts(given["trusted"], f"{what}: trusted") if "trusted" in given else {},
        taint=tuple(label.label for label in _labels(given["taint"], f"{what}: taint")) if "taint" in given else (),
        reviewed_by=frozenset(
            expect_texts(given["reviewed_by"], f"{what}: reviewed_by") if "reviewed_by" in given else ()
        ),
        facts=_facts(message["facts"], f"{what}: facts") if "facts" in message else {},
        labels=tuple(_labels(message["labels"], f"{what}: labels")) if "labels" in message else (),
        body=bodies[0] if bodies else "",
        content=plain(message[bodies[0]]) if bodies else None,
        read=expect_texts(given["read"], f"{what}: read") if "read" in given else (),
        untrusted="untrusted" in given and _yes(given["untrusted"], f"{what}: untrusted"),
        traced=expect_texts(given["traced"], f"{what}: traced") if "traced" in given else (),
        at=moment(given["at"], f"{what}: at") if "at" in given else None,
    )


def _yes(node: Node, what: str) -> bool:
    value = node.value if isinstance(node, Scalar) else None
    if not isinstance(value, bool):
        fail(node, f"{what}: expected true or false, got {kind(node)}")
    return value


def _endpoint(node: Node, what: str) -> Endpoint:
    text = expect_text(node, what)
    example = "POST https://slack.test/api/chat.postMessage"
    method, _, url = text.partition(" ")
    try:
        pattern = parse_url(url)
    except ValueError:
        fail(node, f"{what}: expected a method and a whole address, such as {example}, got {text}")
    fits = method in MCP_METHODS if pattern.scheme == "mcp" else method.isupper()
    if "*" in url or pattern.operation or not fits:
        fail(node, f"{what}: expected one method and one address, such as {example}, got {text}")
    path = "/" + url.partition("://")[2].partition("/")[2]
    if pattern.scheme == "mcp":
        return Endpoint("mcp", f"mcp://{pattern.host}:0", method, path)
    host = f"[{pattern.host}]" if ":" in pattern.host else pattern.host
    return Endpoint("http", f"{pattern.scheme}://{host}:{pattern.port}", method, path)


def _facts(node: Node, what: str) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for name, value in expect_map(node, what).items():
        if isinstance(value, Sequence):
            facts[name] = tuple(expect_text(item, f"{what}: {name}") for item in value.items)
        elif isinstance(value, Scalar) and value.value is not None:
            facts[name] = value.value
        else:
            fail(value, f"{what}: {name}: expected a text, number, boolean or list; an unknown fact is left out")
    return facts


def _labels(node: Node, what: str) -> Iterable[GivenLabel]:
    for item in expect_list(node, what):
        keys = expect_map(item, what, ("data", "state", "from", "part", "count"), need=("data",))
        text = {key: expect_text(value, f"{what}: {key}") for key, value in keys.items() if key != "count"}
        count = expect_integer(keys["count"], f"{what}: count") if "count" in keys else 1
        label = Label(DataClass(text["data"]), State(text.get("state", RAW)), text.get("from", SANDBOX))
        yield GivenLabel(label, text.get("part", ""), count)


def _expected(node: Node, what: str) -> Expected:
    keys = expect_map(node, what, ("verdict", "rule", "missing", "matches"), need=("verdict",))
    return Expected(
        verdict=expect_choice(keys["verdict"], f"{what}: verdict", _VERDICTS),
        rule=expect_text(keys["rule"], f"{what}: rule") if "rule" in keys else "",
        missing=expect_texts(keys["missing"], f"{what}: missing") if "missing" in keys else (),
        matches=expect_texts(keys["matches"], f"{what}: matches") if "matches" in keys else (),
    )


def ruling_for(policy: Policy, test: RuleTest) -> Decision:
    """Return the decision on a test whose message is given by its labels.

    Raises:
        PolicyError: the test has a real body, or speaks of a class, state or source that the policy does not know.

    """
    if test.body:
        raise PolicyError(f"{test.place}: test {test.name}: a {test.body} body has to be classified by the engine")
    for label in (*test.taint, *(given.label for given in test.labels)):
        if label.data_class not in policy.classes:
            raise PolicyError(f"{test.place}: test {test.name}: the policy defines no class {label.data_class}")
    facts = facts_for(test, policy)
    if test.direction is Direction.INBOUND:
        route = Route(source_of(policy, test.endpoint), SANDBOX)
    else:
        route = sink_of(policy, test.endpoint, facts)
    return decide(policy, flows_for(policy, test, route), facts, now=test.at, reviewed=test.reviewed_by)


def facts_for(test: RuleTest, policy: Policy | None = None) -> Facts:
    """Return the facts of a test: what the message and the orchestrator state, then what the proxy itself does.

    With `policy`, those that it works out of labels and of what the session has read are among them, where they are
    asked for.
    """
    endpoint = test.endpoint
    scheme, _, authority = endpoint.upstream.partition("://")
    host, _, port = authority.rpartition(":")
    stated: dict[str, Fact] = {
        "method": endpoint.operation,
        "operation": endpoint.operation,
        "scheme": scheme,
        "host": host,
        "port": int(port),
        "path": endpoint.path,
        "upstream": endpoint.upstream,
        "direction": test.direction.value,
        "opaque": any(given.label.data_class == OPAQUE for given in test.labels),
    }
    named: dict[str, Fact] = {}
    if test.agent:
        named["agent"] = test.agent
    if test.purpose:
        named["purpose"] = test.purpose
    tool = NO_TOOL if scheme == "mcp" else {}
    known = {**tool, **test.facts, **test.trusted, **stated, **named}
    return known if policy is None else {**known, **_worked_out(policy, test, known)}


def _worked_out(policy: Policy, test: RuleTest, known: Facts) -> dict[str, Fact]:
    """Return the facts of `core.combined` that some rule asks for; what cannot be told is left out."""
    read = {*test.read, *(label.source for label in test.taint)}
    sources = {wider for name in read for wider in ancestors(name)}
    told = [label for label in test.taint if label.state != TOKENISED]
    untrusted = test.untrusted or any(place.untrusted and place.name in sources for place in _all(policy.sources))
    found: dict[str, Fact | None] = {}
    for name in policy.facts_used:
        kind_, of = kind_of(name)
        if name == UNTRUSTED:
            found[name] = untrusted
        elif kind_ == "distinct":
            found[name] = _distinct(policy, test, of)
        elif kind_ == "from":
            found[name] = of in sources
        elif kind_ == "data":
            found[name] = any(of in ancestors(label.data_class) for label in told)
        elif kind_ == "traced":
            found[name] = None if untrusted and of not in known else of in test.traced
    return {name: fact for name, fact in found.items() if fact is not None}


def _distinct(policy: Policy, test: RuleTest, data_class: str) -> int | None:
    """Return how many distinct values of a class the message has; None where some cannot be seen."""
    opaque = any(given.label.data_class == OPAQUE for given in test.labels)
    carried = test.direction is Direction.OUTBOUND and any(
        data_class in ancestors(label.data_class) and _carried(policy, label, opaque=opaque) for label in test.taint
    )
    if opaque or carried:
        return None
    return sum(given.count for given in test.labels if data_class in ancestors(given.label.data_class))


def _all(places: Iterable[Place]) -> Iterable[Place]:
    for place in places:
        yield place
        yield from _all(place.narrower)


def flows_for(policy: Policy, test: RuleTest, route: Route) -> tuple[Flow, ...]:
    """Return the flows of a test: the message as such, its labels, and the taint that it carries outbound."""
    flows = [Flow(None, RAW, route)]
    for number, given in enumerate(test.labels):
        label = given.label
        source = route.source if test.direction is Direction.INBOUND else label.source
        at = Route(source, route.sink, route.possible)
        flows.append(Flow(label.data_class, label.state, at, number, given.part))
    if test.direction is Direction.OUTBOUND:
        opaque = any(given.label.data_class == OPAQUE for given in test.labels)
        for label in test.taint:
            if _carried(policy, label, opaque=opaque):
                at = Route(label.source, route.sink, route.possible)
                flows.append(Flow(label.data_class, label.state, at))
    return tuple(flows)


def _carried(policy: Policy, label: Label, *, opaque: bool) -> bool:
    if label.state == TOKENISED:  # tokens leave no taint
        return False
    tracking = policy.classes[label.data_class].tracking
    return label.state == DERIVED or tracking is Tracking.SESSION or (tracking is Tracking.GUARDED and opaque)


def check(test: RuleTest, decision: Decision) -> list[str]:
    """Return how a decision differs from what was expected, one sentence each; none where it is as expected."""
    ruling, expected = leading(decision), test.expected
    verdicts = {ruling.verdict.name.lower()} | ({ruling.transform} if ruling.verdict is Verdict.TRANSFORM else set())
    differences: list[str] = []
    if expected.verdict not in verdicts:
        by = f" by the rule {ruling.rule}" if ruling.rule else ""
        differences.append(f"expected the verdict {expected.verdict}, got {' '.join(sorted(verdicts))}{by}")
    if expected.rule and expected.rule != ruling.rule:
        differences.append(f"expected the rule {expected.rule}, got {ruling.rule or 'none'}")
    missing = "; ".join(ruling.missing)
    differences += [
        f"expected {m} to be missing, got {missing or 'nothing'}" for m in expected.missing if m not in missing
    ]
    matched = {match.rule for match in decision.matches if match.rule}
    differences += [
        f"expected the rule {rule} to match, got {', '.join(sorted(matched)) or 'none'}"
        for rule in expected.matches
        if rule not in matched
    ]
    return differences
