from dlp.core.label import DEFAULT_TRACKING, DataClass, Label, Level, State, Tracking, ancestors


def test_ancestors_go_from_the_narrowest_to_the_widest():
    assert ancestors("pii.email.work") == ("pii.email.work", "pii.email", "pii")
    assert ancestors("pii") == ("pii",)


def test_every_level_has_a_default_tracking_and_restricted_is_the_sound_one():
    assert set(DEFAULT_TRACKING) == set(Level)
    assert DEFAULT_TRACKING[Level.RESTRICTED] is Tracking.SESSION


def test_labels_are_values():
    label = Label(DataClass("pii.email"), State("raw"), "hr")
    assert label == Label(DataClass("pii.email"), State("raw"), "hr")
    assert len({label, Label(DataClass("pii.email"), State("raw"), "crm")}) == 2
