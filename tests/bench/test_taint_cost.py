from dlp.bench.taint_cost import rows


def test_every_cost_that_has_a_bar_is_measured():
    found = list(rows(many=200, prints=5000))
    assert {row.bar for row in found} >= {150.0, 1.2, 5.0, 20.0, 64.0}
    assert all(row.value > 0 for row in found if row.name != "memory/a value in the index")  # too few to be seen
