"""GraphQL over HTTP: fields are known by their names, whatever a query calls them, and operations are destinations."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from .conftest import Rig
from .table import Sent

POLICY = """
policy: Graph
version: "1"
use: [base]
ner: off
classes:
  employee.pay: {level: restricted, says: What someone earns., token: PAY}
sources:
  hr: {at: "http://source.test/**", fields: {"$.data.employee.salary": employee.pay}}
destinations:
  hr:
    at: "http://source.test/**"
    facts: {operation_kind: graphql/operation, fields: {at: graphql/fields, type: list}}
  hr.reads: {when: 'operation_kind == "query" and fields in reads'}
lists: {reads: [employee, team]}
rules:
  - {name: pay enters hidden, says: As tokens., data: employee.pay, to: sandbox, then: tokenize}
  - {name: pay goes back, says: It is from there., data: employee.pay, to: hr, then: allow}
  - name: only reading
    says: Nothing but reading of what is listed.
    to: hr
    then: block
    unless: [{to: hr.reads}]
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("graph"), POLICY)
    yield made
    made.close()


def query(text: str, **variables: object) -> Sent:
    return Sent(body=json.dumps({"query": text, "variables": variables}).encode(), kind="application/json")


def test_a_field_under_an_alias_is_the_field(rig: Rig):
    rig.answer = Sent(body=b'{"data": {"me": {"x": 55000}}}', kind="application/json")
    session = rig.wall.open()
    status, _, body = rig.ask(session, "source.test", query("{ me: employee { x: salary } }"))
    assert (status, body) == (200, b'{"data": {"me": {"x": "[PAY_1]"}}}')


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("{ employee { name } }", True),
        ("{ team: employee { name } team { size } }", True),
        ("{ employee: fire(id: 1) { name } }", False),
        ("mutation { employee { name } }", False),
        ("{ ...F } fragment F on Query { fire(id: 1) { name } }", False),
        ("query { employee { name } } mutation M { fire { id } }", False),
        ("{ broken", False),
    ],
)
def test_operations_are_destinations(rig: Rig, text: str, passes: bool):  # noqa: FBT001
    rig.answer = Sent(body=b"{}", kind="application/json")
    status, _, _ = rig.ask(rig.wall.open(), "source.test", query(text))
    assert (status == 200, len(rig.received) == 1) == (passes, passes)


HASH = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"
PERSISTED = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}


@pytest.mark.parametrize(
    "body",
    [
        {"extensions": PERSISTED},
        {"extensions": PERSISTED, "operationName": "Team", "variables": {}},
        {"id": "team", "variables": {}},
        {"operationName": "Team"},
        {"query": "query A { team { id } } mutation B { fire { id } }", "operationName": "A"},
        [{"query": "{ team { id } }"}, {"query": "mutation { fire { id } }"}],
        {"query": None},
        {"query": ["{ team { id } }"]},
    ],
)
def test_a_query_of_which_not_all_is_known_is_held_to_what_restricts(rig: Rig, body: object):
    sent = Sent(body=json.dumps(body).encode(), kind="application/json")
    status, _, _ = rig.ask(rig.wall.open(), "source.test", sent)
    assert (status, rig.received) == (403, [])


@pytest.mark.parametrize(
    ("asked", "passes"),
    [
        ({"query": "{ team { id } }"}, True),
        ({"query": "{ team: employee { name } }", "variables": "{}"}, True),
        ({"query": "mutation { fire { id } }"}, False),
        ({"query": "{ employee: fire(id: 1) { name } }"}, False),
        ({"query": "{ broken"}, False),
        ({"operationName": "Team", "extensions": json.dumps(PERSISTED)}, False),
    ],
)
def test_a_query_in_the_url_states_the_same_facts_as_one_in_a_body(
    rig: Rig,
    asked: dict[str, str],
    passes: bool,  # noqa: FBT001
):
    rig.answer = Sent(body=b"{}", kind="application/json")
    for written in (urlencode(asked), "&".join(f"{name}={text.replace(' ', '+')}" for name, text in asked.items())):
        rig.received.clear()
        status, _, _ = rig.ask(rig.wall.open(), "source.test", Sent(method="GET", target=f"/graphql?{written}"))
        assert (status == 200, len(rig.received) == 1) == (passes, passes)


ASKS, FIRES = "{ team { id } }", "mutation { fire { id } }"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("url", "form", "passes"),
    [
        ({}, {"query": ASKS}, True),
        ({}, {"query": "query A($n: Int) { team(first: $n) { id } }", "variables": '{"n": 1}'}, True),
        ({}, {"query": FIRES}, False),
        ({}, {"query": ASKS, "Query": FIRES}, False),
        ({"query": ASKS}, {"query": FIRES}, False),
        ({"query": ASKS}, {"operations": json.dumps({"query": FIRES})}, False),
        ({"query": ASKS}, {"x": "1"}, False),
    ],
)
def test_a_query_in_a_form_states_the_same_facts_and_one_in_the_url_of_a_form_none(
    rig: Rig,
    url: dict[str, str],
    form: dict[str, str],
    passes: bool,  # noqa: FBT001
):
    rig.answer = Sent(body=b"{}", kind="application/json")
    sent = Sent(target=f"/graphql?{urlencode(url)}", body=urlencode(form).encode(), kind=FORM)
    status, _, _ = rig.ask(rig.wall.open(), "source.test", sent)
    assert (status == 200, len(rig.received) == 1) == (passes, passes)


def test_a_query_beside_one_that_some_take_for_it_is_held_to_what_restricts(rig: Rig):
    body = json.dumps({"query": ASKS, "Query": FIRES}).encode()
    for sent in (
        Sent(body=body, kind="application/json"),
        Sent(method="GET", target=f"/graphql?{urlencode({'query': ASKS, 'QUERY': FIRES})}"),
    ):
        status, _, _ = rig.ask(rig.wall.open(), "source.test", sent)
        assert (status, rig.received) == (403, [])


@pytest.mark.parametrize("more", ["&query=mutation{fire{id}}", ";a=b"])
def test_a_query_in_the_url_beside_another_is_held_to_what_restricts(rig: Rig, more: str):
    sent = Sent(method="GET", target=f"/graphql?query={{team{{id}}}}{more}")
    status, _, _ = rig.ask(rig.wall.open(), "source.test", sent)
    assert (status, rig.received) == (403, [])
