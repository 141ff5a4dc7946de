from dlp.engine.scan import Scanner
from dlp_presidio import look


def test_without_the_model_nothing_may_match_anywhere():
    assert not Scanner({"p": look.patterns(ner=False)}).always


def test_with_the_model_its_patterns_are_slow_and_match_everything():
    slow = [one for one in look.patterns(ner=True) if one.slow]
    assert {one.finds for one in slow} == set(look.MODELLED)
    assert all(not one.expression for one in slow)


def test_every_weak_pattern_is_lifted_by_context():
    names = {one.name for one in look.patterns(ner=False)}
    weak = [one for one in look.patterns(ner=False) if one.name.endswith(".weak")]
    assert weak
    assert all(one.alone is None and set(one.lifted_by) <= names and one.lifted_by for one in weak)


def test_a_name_under_a_key_is_a_reason_to_look_and_a_key_alone_is_not():
    scanner = Scanner({"p": look.patterns(ner=False)})
    for surface in ('{"full_name":"Maria"}', '{"name": "Łukasz"}', "name,age\nMaria,7\n", "<employee>Maria</employee>"):
        assert scanner.scan(surface.encode())
    assert not scanner.scan(b'{"name":"widget"}')
