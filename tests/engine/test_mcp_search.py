from typing import Any

import pytest

from dlp.engine.mcp_search import DEFINITION, Index, read_call, stem, told

TOOLS: list[dict[str, Any]] = [
    {
        "name": "slack.post_message",
        "description": "Posts a message to a channel.",
        "inputSchema": {"type": "object", "properties": {"channel": {}, "text": {}}},
    },
    {"name": "slack.list_channels", "description": "Lists channels."},
    {"name": "salesforce.queryRecords", "title": "Query", "description": "Runs a query and returns records."},
    {"name": "mail.send", "description": "Sends a message by mail."},
]


def names(query: str) -> list[object]:
    return [tool["name"] for tool in Index(TOOLS).search(query)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("post message", "slack.post_message"),
        ("posting messages", "slack.post_message"),
        ("QUERY", "salesforce.queryRecords"),
        ("records", "salesforce.queryRecords"),
        ("channels", "slack.list_channels"),
        ("mail", "mail.send"),
        ("slack.post_message", "slack.post_message"),
    ],
)
def test_the_best_match_comes_first(query: str, first: str):
    assert names(query)[0] == first


def test_parameters_are_found_too_and_what_does_not_match_is_left_out():
    assert names("text") == ["slack.post_message"]
    assert names("zebra") == []


def test_without_a_word_everything_is_listed():
    assert len(names(" …")) == len(TOOLS)


def test_an_answer_says_as_much_as_was_asked_for_and_how_many_match():
    index = Index(TOOLS)
    assert index.answer(read_call({"query": "slack", "detail_level": "name", "limit": 1})) == {
        "tools": [{"name": "slack.post_message"}],
        "total": 2,
    }
    (tool,) = index.answer(read_call({"query": "mail"}))["tools"]  # type: ignore[misc]
    assert tool == {"name": "mail.send", "description": "Sends a message by mail."}
    assert told(TOOLS[0], "full_schema") == TOOLS[0]


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        {},
        {"query": 7},
        {"query": "a", "detail_level": "all"},
        {"query": "a", "limit": 0},
        {"query": "a", "limit": 51},
        {"query": "a", "limit": True},
        {"query": "a", "other": 1},
    ],
)
def test_a_call_that_is_not_as_defined_is_an_error_that_names_no_value(arguments: object):
    with pytest.raises(ValueError, match="search_tools"):
        read_call(arguments)


def test_the_definition_and_the_reader_agree_on_their_defaults():
    schema: Any = DEFINITION["inputSchema"]
    asked = read_call({"query": "x"})
    assert asked.level == schema["properties"]["detail_level"]["default"]
    assert asked.limit == schema["properties"]["limit"]["default"]


def test_word_forms_meet():
    assert stem("messages") == stem("message")
    assert stem("queries") == stem("query")
    assert stem("posted") == stem("posting") == stem("posts") == stem("post")
