import pytest

from dlp.bench import bodies, peers, steps


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("rig")
    peers.prepare(folder / "product", peers.Upstream(8001, 8002, folder / "authority.pem"))
    made = steps.Rig(folder / "product" / "policy.yaml", folder / "steps", 8001, folder / "product" / "state" / "cache")
    yield made
    made.close()


@pytest.mark.parametrize("case", steps.CASES, ids=lambda case: case.name)
def test_every_step_is_timed(rig: steps.Rig, case: steps.Case):
    taken = rig.measure(case, count=3, warm=1)
    assert tuple(taken) == steps.STEPS
    assert all(taken[step] > 0 for step in ("parse", "resolve", "classify", "decide", "record"))


def test_only_an_exchange_with_new_values_is_rewritten(rig: steps.Rig):
    assert rig.measure(steps.CASES[0], count=3, warm=1)["write"] == 0
    assert rig.measure(steps.CASES[2], count=3, warm=1)["write"] > 0


def test_most_clean_bodies_are_settled_by_the_scan_and_none_with_values(rig: steps.Rig):
    assert rig.clean(bodies.clean, 200) > 0.5
    assert rig.clean(bodies.personal, 50) == 0
