"""GraphQL: what a query asks for, behind aliases, variables and escapes."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.core.policy import FactSpec, read_facts
from dlp.wire.body import Body, read_body
from dlp.wire.graphql_text import Aliases, asked

QUERY = "query Pay($id: ID!) { me: employee(id: $id) { x: salary ...Names } other: employee(id: 7) { name } }"
FRAGMENT = " fragment Names on Employee { called: name }"


def body(query: str, **variables: object) -> Body:
    raw = json.dumps({"query": query, "variables": variables}).encode()
    return read_body(raw, "application/json", "", limit=100_000)


def says(query: str, **variables: object) -> dict[str, str]:
    return {part.path: part.text for part in body(query, **variables).block.parts if part.path.startswith("graphql/")}


def test_operations_names_and_real_fields_are_parts():
    assert says(QUERY + FRAGMENT, id="E1") == {
        "graphql/operation": "query",
        "graphql/name": "Pay",
        "graphql/fields/0": "employee",
        "graphql/fields/1": "employee",
        "graphql/arguments/employee/id": "7",
    }


def test_an_argument_is_a_fact_whether_it_is_literal_or_a_variable():
    spec = FactSpec("channel", "graphql/arguments/post/channel", "text")
    literal = body('mutation { p: post(channel: "#hr", text: "x") { id } }')
    variable = body("mutation($c: String) { post(channel: $c) { id } }", c="#hr")
    missing = body("mutation($c: String) { post(channel: $c) { id } }")
    facts = [read_facts([spec], one.block.parts) for one in (literal, variable, missing)]
    assert facts == [{"channel": "#hr"}, {"channel": "#hr"}, {}]


def test_fields_are_a_list_that_rules_can_ask_about():
    spec = FactSpec("fields", "graphql/fields", "list")
    parts = body("mutation { safe: refund(id: 1) { ok } ... on Mutation { ping } }").block.parts
    assert read_facts([spec], parts) == {"fields": ("refund", "ping")}


def test_a_literal_with_escapes_is_read_as_what_it_says():
    parts = body(r'{ find(ssn: "123-45-\u0036789") { id } }').block.parts
    assert any(part.text == "123-45-6789" for part in parts)


def test_a_value_is_rewritten_in_the_query_and_in_the_variables():
    for one in (
        body('{ find(mail: "a@b.test") { id } }'),
        body("query($m: String) { find(mail: $m) { id } }", m="a@b.test"),
    ):
        edits = []
        for number, part in enumerate(one.block.parts):
            at = part.text.find("a@b.test")
            if at >= 0:
                edits.append(Edit(number, at, at + 8, "[EMAIL_1]"))
        assert len(edits) == 2
        assert b"[EMAIL_1]" in one.write(edits)
        assert b"a@b.test" not in one.write(edits)


def test_an_edit_of_what_only_an_escape_says_is_refused():
    one = body(r'{ find(ssn: "123-45-\u0036789") { id } }')
    edits = [Edit(i, 0, 11, "[SSN_1]") for i, part in enumerate(one.block.parts) if part.text == "123-45-6789"]
    with pytest.raises(ParseError):
        one.write(edits)


def test_a_query_as_a_body_of_its_own_is_read_alike():
    parts = read_body(b"mutation M { refund(id: 1) { ok } }", "application/graphql", "", limit=1000).block.parts
    assert {"graphql/operation", "graphql/name", "graphql/fields/0"} <= {part.path for part in parts}


def test_other_queries_are_left_alone():
    for query in ("SELECT name FROM t", "a { b", ""):
        assert says(query) == {}


def test_a_query_too_large_to_be_read_is_opaque_where_it_may_hide_something():
    parts = body("{ " + "a " * 4000 + r'b(x: "\u0041") }').block.parts
    assert any(part.kind is Kind.OPAQUE for part in parts)
    parts = body("{a" * 3000 + "}" * 3000).block.parts
    assert not any(part.path.startswith("graphql/") for part in parts)


def test_aliases_lead_back_to_the_names_of_fields():
    aliases = asked(body(QUERY + FRAGMENT).block.parts)
    assert aliases.real("/data/me/x") == ("/data/employee/salary",)
    assert aliases.real("/data/me/called") == ("/data/employee/name",)
    assert aliases.real("/errors/0/message") == ("/errors/0/message",)
    assert not asked([Part("/query", "SELECT 1")])


def test_lists_and_batches_are_walked_through():
    aliases = Aliases({"/1/data": "{ all: people { y: pay } }"})
    assert aliases.real("/1/data/all/3/y") == ("/1/data/people/3/pay",)
    assert aliases.real("/0/data/all/3/y") == ("/0/data/all/3/y",)


def test_an_alias_for_two_fields_leads_to_both():
    aliases = Aliases({"/data": "{ n { ... on A { v: pay } ... on B { v: name } } }"})
    assert set(aliases.real("/data/n/v")) == {"/data/n/pay", "/data/n/name"}


def test_an_answer_is_read_under_its_real_names_and_written_under_its_own():
    aliases = asked(body(QUERY + FRAGMENT).block.parts)
    raw = b'{"data": {"me": {"x": 55000}}}'
    answer = read_body(raw, "application/json", "", limit=1000, aliases=aliases)
    number = next(
        i for i, part in enumerate(answer.block.parts) if part.path == "/data/employee/salary" and part.text == "55000"
    )
    assert answer.write([Edit(number, 0, 5, "[PAY_1]")]) == b'{"data": {"me": {"x": "[PAY_1]"}}}'


def test_fragments_that_repeat_each_other_do_not_multiply():
    names = [f"F{n}" for n in range(30)]
    text = "{ ...F0 } " + " ".join(
        f"fragment {a} on T {{ a {{ ...{b} ...{b} }} }}" for a, b in itertools.pairwise(names)
    )
    aliases = Aliases({"/data": text + " fragment F29 on T { z: pay }"})
    assert aliases.real("/data" + "/a" * 29 + "/z") == ("/data" + "/a" * 29 + "/pay",)


SCRAPS = st.lists(
    st.sampled_from([*'{}()[]:$@!"\\|&= ', "...", "on ", "fragment F ", "query ", '"""', "a", "b", "\\u0041"])
)


@given(SCRAPS.map("".join))
def test_any_text_is_read_or_left_alone(query: str):
    parts = body(query).block.parts
    assert any(part.text == query for part in parts)
