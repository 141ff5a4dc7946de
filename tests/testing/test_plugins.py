import types

import pytest

from dlp.core.errors import ConfigError, PluginError
from dlp.core.finding import Finding
from dlp.core.message import Kind
from dlp.core.ports import Pattern
from dlp.hooks.spec import hookimpl
from dlp.testing.plugins import check_plugin, findings_of, found_texts, message_of


def plugin_of(*patterns: Pattern) -> types.ModuleType:
    module = types.ModuleType("tried")
    module.patterns = hookimpl(lambda: patterns)

    def classify(message, hits):  # noqa: ANN001, ANN202  as a plugin's author writes it
        return [
            Finding(hit.part, at, at + 1, "X", "x")
            for hit in hits
            if (at := message.parts[hit.part].text.find("x")) >= 0
        ]

    module.classify = hookimpl(classify)
    return module


def test_a_body_becomes_keys_and_leaves_with_the_names_they_stand_under():
    message = message_of({"a/b": [1, {"c": "x"}], "d": None, "e": True})
    assert [(part.path, part.text, part.kind, part.name) for part in message.parts] == [
        ("/a~1b", "a/b", Kind.KEY, ""),
        ("/a~1b/0", "1", Kind.NUMBER, "a/b"),
        ("/a~1b/1/c", "c", Kind.KEY, "a/b"),
        ("/a~1b/1/c", "x", Kind.TEXT, "c"),
        ("/d", "d", Kind.KEY, ""),
        ("/e", "e", Kind.KEY, ""),
    ]


def test_findings_come_by_way_of_the_scan():
    plugin = plugin_of(Pattern("x", "x"))
    assert found_texts(plugin, ["ax", "b"]) == [("X", "x")]
    assert findings_of(check_plugin(plugin), "b") == []


def test_a_pattern_that_may_match_anywhere_is_refused():
    with pytest.raises(PluginError, match="pattern x: it may match anywhere"):
        check_plugin(plugin_of(Pattern("x", "^x")))
    assert check_plugin(plugin_of(Pattern("x", "", slow=True)))


def test_settings_that_a_plugin_does_not_take_are_refused():
    with pytest.raises(ConfigError, match="takes no settings"):
        check_plugin(plugin_of(), {"a": 1})
