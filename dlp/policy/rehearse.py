"""Rule tests: a policy, what a session has seen, a message, and the decision that is expected.

What is tested here is the policy. A message is given by its labels; one with a real body (`json:`, `text:`) has to be
parsed and classified first, which is the engine's to do.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dlp.core.errors import PolicyError
from dlp.core.label import DERIVED, OPAQUE, RAW, SANDBOX, TOKENISED, DataClass, Label, State, Tracking
from dlp.core.message import Direction, Endpoint, Fact, Facts
from dlp.core.policy import TRANSFORMS, Decision, Flow, Policy, Route, Verdict, decide, leading, sink_of, source_of
from dlp.policy.paths import parse_url
from dlp.strict_yaml import (
    Node,
    Scalar,
    Sequence,
    YamlError,
    expect_choice,
    expect_list,
    expect_map,
    expect_text,
    expect_texts,
    fail,
    load,
    plain,
)

_VERDICTS = (*(verdict.name.lower() for verdict in Verdict), *TRANSFORMS)


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """A label that a message or a session has; `part` is where in the message it was found."""

    label: Label
    part: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to come out; an empty field says nothing. `verdict` may be a transform's name."""

    verdict: str
    rule: str = ""
    missing: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test. `body` is the kind of a real body (`json` or `text`), "" where the labels are given instead."""

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
    given_keys = ("agent", "purpose", "trusted", "taint", "reviewed_by")
    given = expect_map(keys["given"], f"{what}: given", given_keys) if "given" in keys else {}
    message_keys = ("outbound", "inbound", "facts", "labels", "json", "text")
    message = expect_map(keys["message"], f"{what}: message", message_keys)
    ways = [key for key in ("outbound", "inbound") if key in message]
    if len(ways) != 1:
        fail(keys["message"], f"{what}: message: expected either outbound or inbound, got {len(ways)} of them")
    bodies = [key for key in ("json", "text") if key in message]
    if len(bodies) + ("labels" in message) > 1:
        fail(keys["message"], f"{what}: message: expected one of labels, json and text")
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
    )


def _endpoint(node: Node, what: str) -> Endpoint:
    text = expect_text(node, what)
    example = "POST https://slack.test/api/chat.postMessage"
    method, _, url = text.partition(" ")
    try:
        pattern = parse_url(url)
    except ValueError:
        fail(node, f"{what}: expected a method and a whole address, such as {example}, got {text}")
    if "*" in url or pattern.operation or not method.isupper():
        fail(node, f"{what}: expected one method and one address, such as {example}, got {text}")
    path = "/" + url.partition("://")[2].partition("/")[2]
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
        keys = expect_map(item, what, ("data", "state", "from", "part"), need=("data",))
        text = {key: expect_text(value, f"{what}: {key}") for key, value in keys.items()}
        label = Label(DataClass(text["data"]), State(text.get("state", RAW)), text.get("from", SANDBOX))
        yield GivenLabel(label, text.get("part", ""))


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
    facts = facts_for(test)
    if test.direction is Direction.INBOUND:
        route = Route(source_of(policy, test.endpoint), SANDBOX)
    else:
        route = sink_of(policy, test.endpoint, facts)
    return decide(policy, flows_for(policy, test, route), facts, reviewed=test.reviewed_by)


def facts_for(test: RuleTest) -> Facts:
    """Return the facts of a test: what the message and the orchestrator state, then what the proxy itself does."""
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
    return {**test.facts, **test.trusted, **stated, **named}


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
