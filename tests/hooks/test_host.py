import re
import sys
import types
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from dlp.core.errors import ConfigError, PluginError, StoreError
from dlp.core.finding import Finding
from dlp.core.label import RAW, DataClass
from dlp.core.message import Block, Direction, Endpoint, Message, Part
from dlp.core.policy import Flow, Route, Ruling, Verdict
from dlp.core.ports import Hit, Pattern
from dlp.hooks import host as subject
from dlp.hooks.host import Host, host_of, installed, load_host

EMAIL = Finding(0, 0, 3, DataClass("EMAIL_ADDRESS"), "x")
ENDPOINT = Endpoint("http", "https://api.test:443", "GET")
FLOW = Flow(DataClass("pii.email"), RAW, Route("crm", "slack"))
type Install = Callable[..., Host]
HEAD = "from dlp.hooks.spec import hookimpl\nfrom dlp.core.ports import *\nfrom dlp.core.finding import *\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that makes plugins out of source texts, as installed packages are, and loads them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def build(settings: dict[str, object] | None = None, **sources: str) -> Host:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(HEAD + source)
            info = tmp_path / f"{name}-1.0.dist-info"
            info.mkdir(exist_ok=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[dlp]\n{name} = {name}\n")
            made.append(name)
        return load_host([(name, settings or {}) for name in sources])

    yield build
    for name in made:
        sys.modules.pop(name, None)


def message_of(*texts: str) -> Message:
    return Message(Direction.OUTBOUND, ENDPOINT, (Block(lambda: tuple(Part(f"/{i}", t) for i, t in enumerate(texts))),))


CLASSIFIER = "@hookimpl\ndef classify(message, hits):\n    {}\n"


def classifying(body: str) -> str:
    return CLASSIFIER.format(body)


def test_only_plugins_that_are_listed_are_loaded_and_in_that_order(install: Install):
    host = install(
        second="@hookimpl\ndef transform(name):\n    return 'second'\n",
        first="@hookimpl\ndef transform(name):\n    return 'first'\n",
    )
    assert [plugin.name for plugin in host.plugins] == ["second", "first"]
    assert host.transform("mask", EMAIL, "bob", None) == "second"
    assert load_host([]).plugins == ()


def test_a_loaded_plugin_says_where_it_came_from_and_what_it_does(install: Install):
    plugin = install(p="@hookimpl\ndef record(entry):\n    pass\n@hookimpl\ndef catalog():\n    return []\n").plugins[0]
    assert (plugin.distribution, plugin.version, plugin.hooks) == ("p", "1.0", ("catalog", "record"))


def test_the_bundled_plugins_are_found_like_anyones():
    assert {"dlp_presidio", "dlp_secrets", "dlp_tokens"} <= set(installed())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("@hookimpl\nasync def classify(message, hits):\n    return []\n", "async functions are never awaited"),
        ("@hookimpl\nasync def classify(message, hits):\n    yield 1\n", "async functions are never awaited"),
        ("@hookimpl(wrapper=True)\ndef classify(message):\n    return (yield)\n", "a wrapper could drop"),
        ("@hookimpl(hookwrapper=True)\ndef classify(message):\n    yield\n", "a wrapper could drop"),
        ("@hookimpl\ndef clasify(message, hits):\n    return []\n", "clasify"),
        ("@hookimpl(optionalhook=True)\ndef clasify(message):\n    return []\n", "clasify"),
        ("@hookimpl(optionalhook=True)\ndef classify(message):\n    return []\n", "optionalhook"),
        ("@hookimpl\ndef classify(message, hitz):\n    return []\n", "hitz"),
        ("@hookimpl\ndef classify(message, hits=()):\n    return []\n", "hits has a default value"),
        ("def classify(message, hits):\n    return []\n", "no @hookimpl"),
        ("x = 1\n", "implements no hook"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("@hookimpl\ndef patterns():\n    return None\n", "expected an iterable of Pattern, got None"),
        ("@hookimpl\ndef patterns():\n    return ['x']\n", "expected Pattern, got str"),
        ("@hookimpl\ndef patterns():\n    return [Pattern('a', 'x'), Pattern('a', 'y')]\n", "the same name"),
        ("@hookimpl\ndef patterns():\n    return [Pattern('a', 'x', lifted_by=('b',))]\n", "lifted_by names ['b']"),
        ("@hookimpl\ndef configure(settings):\n    raise KeyError('k')\n", "configure: KeyError"),
    ],
)
def test_what_would_fail_open_is_refused_at_load_and_the_plugin_named(install: Install, source: str, says: str):
    with pytest.raises(PluginError, match=re.escape(says)) as error:
        install(bad_one=source)
    assert "bad_one" in str(error.value)


def test_a_plugin_that_is_not_installed_is_named_with_those_that_are():
    with pytest.raises(PluginError, match=r"plugin absent: no installed package.*dlp_tokens"):
        load_host([("absent", {})])


def test_a_name_that_two_packages_register_is_refused(install: Install, tmp_path: Path):
    install(twice="@hookimpl\ndef record(entry):\n    pass\n")
    other = tmp_path / "impostor-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: impostor\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[dlp]\ntwice = twice\n")
    with pytest.raises(PluginError, match="impostor, twice"):
        load_host([("twice", {})])


def test_an_entry_point_that_is_no_module_is_refused(install: Install, tmp_path: Path):
    install(okay="@hookimpl\ndef record(entry):\n    pass\n")
    (tmp_path / "okay-1.0.dist-info" / "entry_points.txt").write_text("[dlp]\nokay = okay:record\n")
    with pytest.raises(PluginError, match="okay:record is function"):
        load_host([("okay", {})])


def test_a_plugin_listed_twice_is_a_mistake_of_the_settings():
    with pytest.raises(ConfigError, match="listed twice"):
        load_host([("dlp_tokens", {}), ("dlp_tokens", {})])


def test_settings_reach_their_plugin_and_its_config_error_passes_through(install: Install):
    host = install(
        {"word": "x"},
        p="seen = {}\n@hookimpl\ndef configure(settings):\n    seen.update(settings)\n"
        "@hookimpl\ndef transform(name):\n    return seen['word']\n",
    )
    assert host.transform("mask", EMAIL, "bob", None) == "x"
    with pytest.raises(ConfigError, match="word: unknown"):
        install(
            {"word": "x"},
            q="from dlp.core.errors import ConfigError\n@hookimpl\ndef configure(settings):\n"
            "    raise ConfigError('word: unknown')\n",
        )


def test_settings_for_a_plugin_that_takes_none_are_a_mistake(install: Install):
    with pytest.raises(ConfigError, match="takes no settings, got word"):
        install({"word": "x"}, p="@hookimpl\ndef record(entry):\n    pass\n")


def test_findings_of_all_classifiers_unite(install: Install):
    one = classifying("return [Finding(0, 0, 1, 'A', 'one')]")
    two = classifying("yield Finding(0, 1, 2, 'B', '')")
    found = install(one=one, two=two).classify(message_of("ab"), {})
    assert [(finding.data_class, finding.by) for finding in found] == [("A", "one"), ("B", "two")]


def test_a_classifier_gets_its_own_hits_and_is_asked_only_where_it_has_some(install: Install):
    source = "@hookimpl\ndef patterns():\n    return [Pattern('p', 'x')]\n" + classifying(
        "return [Finding(hit.part, 0, hit.end, 'X', hit.pattern) for hit in hits]"
    )
    host = install(one=source)
    assert host.patterns() == {"one": (Pattern("p", "x"),)}
    assert host.unpatterned == ()
    assert host.classify(message_of("ax"), {"other": [Hit(0, "q", 1)]}) == []
    assert host.classify(message_of("ax"), {"one": [Hit(0, "p", 2)]})[0].by == "one/p"


def test_a_classifier_without_patterns_sees_every_message(install: Install):
    host = install(one=classifying("return [Finding(0, 0, 1, 'A', 'one')]"))
    assert host.unpatterned == ("one",)
    assert len(host.classify(message_of("ab"), {})) == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return None", "got None"),
        ("return 'x'", "got str"),
        ("return [1]", "expected Finding, got int"),
        ("return [Finding(7, 0, 1, 'A', 'x')]", "finding in part 7"),
        ("return [Finding(-1, 0, 1, 'A', 'x')]", "finding in part -1"),
        ("return [Finding('hunter2', 0, 1, 'A', 'x')]", "finding in part str"),
        ("return [Finding(0, 0, 8, 'A', 'x')]", "of a part of length 7"),
        ("return [Finding(0, 3, 3, 'A', 'x')]", "3:3"),
        ("return [Finding(0, 1.0, 3, 'A', 'x')]", "float:3"),
        ("return [Finding(0, 0, 3, '', 'x')]", "name of a class"),
        ("return [Finding(0, 0, 3, 'A', None)]", "name of a class"),
        ("return [Finding(0, 0, 3, 'A', 'x', 'high')]", "confidence is str"),
        ("return [Finding(0, 0, 3, 'A', 'x', state='tokenised')]", "claims a state"),
        ("raise ValueError(message.parts[0].text)", "classify: ValueError at odd.py"),
        ("yield 1 / 0", "classify: ZeroDivisionError"),
        ("return [x for x in {}[message.parts[0].text]]", "classify: KeyError"),
    ],
)
def test_what_a_classifier_must_not_return_is_an_error_that_names_it_and_no_value(
    install: Install, body: str, says: str
):
    with pytest.raises(PluginError, match=re.escape(says)) as error:
        install(odd=classifying(body)).classify(message_of("hunter2"), {})
    assert "plugin odd: classify" in str(error.value)
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_facts_are_joined_and_the_plugin_listed_first_is_believed(install: Install):
    one = "@hookimpl\ndef describe(message):\n    return {'a': 1}\n"
    two = "@hookimpl\ndef describe(endpoint):\n    return {'a': 2, 'b': ('x', endpoint.operation)}\n"
    none = "@hookimpl\ndef describe():\n    return None\n"
    assert install(none=none, one=one, two=two).describe(message_of("x"), ENDPOINT) == {"a": 1, "b": ("x", "GET")}


@pytest.mark.parametrize("answer", ["[1]", "{'a': None}", "{'a': [1]}", "{'a': (1,)}", "{1: 'a'}"])
def test_a_fact_of_a_wrong_type_is_an_error(install: Install, answer: str):
    host = install(p=f"@hookimpl\ndef describe():\n    return {answer}\n")
    with pytest.raises(PluginError, match="plugin p: describe"):
        host.describe(message_of("x"), ENDPOINT)


def test_every_ruling_is_returned_and_carries_its_plugins_name(install: Install):
    source = "from dlp.core.policy import *\n@hookimpl\ndef rule(flow):\n    return Ruling(flow, Verdict.BLOCK)\n"
    host = install(strict=source, silent="@hookimpl\ndef rule(flow, flows, facts):\n    return None\n")
    assert host.rules
    assert host.rule(FLOW, [FLOW], {}) == [Ruling(FLOW, Verdict.BLOCK, rule="strict")]
    assert not load_host([]).rules
    assert not load_host([]).describes


def test_a_ruling_of_a_wrong_type_is_an_error(install: Install):
    with pytest.raises(PluginError, match="expected a Ruling or None, got bool"):
        install(p="@hookimpl\ndef rule(flow):\n    return True\n").rule(FLOW, [FLOW], {})


def test_the_first_plugin_that_claims_a_transform_does_it(install: Install):
    host = install(
        one="@hookimpl\ndef transform(name, text):\n    return text[::-1] if name == 'turn' else None\n",
        two="@hookimpl\ndef transform(name):\n    return 'two'\n",
    )
    assert host.transform("turn", EMAIL, "bob", None) == "bob"[::-1]
    assert host.transform("other", EMAIL, "bob", None) == "two"


def test_a_transform_that_nobody_claims_is_an_error_without_the_value(install: Install):
    host = install(one="@hookimpl\ndef transform(name):\n    return None\n")
    with pytest.raises(PluginError, match='transform "turn" of class EMAIL_ADDRESS: no plugin claims it') as error:
        host.transform("turn", EMAIL, "hunter2", None)
    assert "hunter2" not in str(error.value)


def test_a_transform_that_gives_no_text_is_an_error(install: Install):
    with pytest.raises(PluginError, match="expected text or None, got int"):
        install(one="@hookimpl\ndef transform(name):\n    return 1\n").transform("turn", EMAIL, "bob", None)


def test_a_store_that_fails_inside_a_transform_is_for_operations(install: Install):
    source = "from dlp.core.errors import StoreError\n@hookimpl\ndef transform(name):\n    raise StoreError('full')\n"
    with pytest.raises(StoreError, match="full"):
        install(one=source).transform("tokenize", EMAIL, "bob", None)


def test_an_observer_that_fails_is_an_error(install: Install):
    with pytest.raises(PluginError, match="plugin p: record: ZeroDivisionError"):
        install(p="@hookimpl\ndef record(entry):\n    1 / 0\n").record(None)


def test_the_first_plugin_that_knows_a_url_opens_the_store(install: Install):
    host = install(
        one="@hookimpl\ndef open_store(url):\n    return None\n",
        two="@hookimpl\ndef open_store(url):\n    return url.upper()\n",
    )
    assert host.open_store("x://y") == "X://Y"
    assert install(three="@hookimpl\ndef open_store(url):\n    return None\n").open_store("x://y") is None


def test_catalogs_are_paths(install: Install):
    host = install(p="from pathlib import Path\n@hookimpl\ndef catalog():\n    return [Path('a.yaml')]\n")
    assert host.catalog() == [Path("a.yaml")]


def test_a_module_can_be_checked_without_being_installed():
    module = types.ModuleType("loose")
    exec(HEAD + classifying("return []"), module.__dict__)  # noqa: S102  the plugin's source is the subject
    host = host_of("loose", module, {})
    assert host.plugins[0].hooks == ("classify",)
    with pytest.raises(ConfigError, match="takes no settings"):
        host_of("loose", module, {"a": 1})


def test_one_module_under_two_names_is_refused(install: Install, tmp_path: Path):
    install(shared="@hookimpl\ndef record(entry):\n    pass\n")
    (tmp_path / "shared-1.0.dist-info" / "entry_points.txt").write_text("[dlp]\nshared = shared\nalso = shared\n")
    with pytest.raises(PluginError, match="under another name already"):
        load_host([("shared", {}), ("also", {})])


def test_the_group_is_the_one_that_the_readme_names():
    assert subject.GROUP == "dlp"
    assert metadata.entry_points(group=subject.GROUP)
