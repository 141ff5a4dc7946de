from dlp.engine.budget import Budget, Spent


def test_what_a_session_uses_up_adds_up():
    budget = Budget()
    budget.count("s", calls=1)
    budget.count("s", calls=1, resolved=5, guesses=2)
    assert budget.spent("s") == Spent(calls=2, resolved=5, guesses=2)


def test_sessions_are_counted_apart():
    budget = Budget()
    budget.count("s", calls=1)
    assert budget.spent("t") == Spent()


def test_a_forgotten_session_has_used_nothing():
    budget = Budget()
    budget.count("s", calls=1)
    budget.drop("s")
    budget.drop("t")
    assert budget.spent("s") == Spent()
