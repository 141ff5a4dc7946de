"""The policy bench: its policies are what they are said to be, and its rows have their bars."""

from pathlib import Path

from dlp.bench import policy as bench
from dlp.core.policy import decide


def test_ten_rules_match_however_many_there_are():
    for size in (10, 300):
        policy = bench.load_text(bench.policy_text(size))
        (judged,) = bench.messages(policy, 1, any_order=False)
        flows, facts = judged
        decision = decide(policy, flows, {**facts, "amount": 1_000})
        assert len(policy.rules) == size
        assert {match.rule for match in decision.matches if match.rule} == {f"rule {number}" for number in range(10)}


def test_all_rules_can_be_on_one_destination():
    policy = bench.load_text(bench.policy_text(300, one_sink=True))
    assert {sink for rule in policy.rules for sink in rule.sinks} == {"sink0"}
    (judged,) = bench.messages(policy, 1, any_order=False)
    flows, facts = judged
    assert len({match.rule for match in decide(policy, flows, {**facts, "amount": 1_000}).matches}) == 30


def test_labels_in_any_order_make_other_messages():
    policy = bench.load_text(bench.policy_text(10))
    judged = bench.messages(policy, 20, any_order=True)
    assert len({tuple(flow.data_class for flow in flows) for flows, _ in judged}) > 15
    assert all(len(flows) == 11 for flows, _ in judged)


def test_where_rules_ask_for_the_part_each_label_has_its_own():
    policy = bench.load_text(bench.policy_text(10, part=True))
    flows, facts = bench.messages(policy, 1, any_order=True)[0]
    assert len({flow.part for flow in flows}) == 11
    assert len({match.rule for match in decide(policy, flows, facts).matches}) == 10


def test_every_figure_is_a_row_and_the_packs_are_covered():
    told = bench.run(rounds=1, sizes=(10, 20))
    assert told["bench"] == "policy"
    rows = {row["name"]: row for row in told["rows"]}  # type: ignore[attr-defined]  # a report is typed loosely
    bars = {name: row["bar"] for name, row in rows.items() if row["bar"] is not None}
    assert bars["deciding, 1,000 rules, ten match/like one before"] == 25.0
    assert bars["deciding, 1,000 rules, all on one destination/like one before"] == 50.0
    assert bars["deciding by number of rules, like one before/dearest to cheapest"] == 1.3
    assert bars["loading/1,000 rules"] == 1.0
    covered = {name: row["met"] for name, row in rows.items() if name.startswith("rules of packs")}
    assert len(covered) >= 7
    assert set(covered.values()) == {True}


def test_without_the_packs_tests_there_is_no_coverage(tmp_path: Path):
    assert bench.pack_coverage(tmp_path / "nowhere") == {}
