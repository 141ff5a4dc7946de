"""Generated programs: the same seed gives the same program, of every kind of step, and they shrink."""

from dlp.testing.programs import COMPUTE, KINDS, RESTRICTED, TOKENISED, computed, program, shrunk


def test_a_seed_gives_the_same_program_every_time():
    assert [program(seed, RESTRICTED) for seed in range(50)] == [program(seed, RESTRICTED) for seed in range(50)]
    assert program(1, RESTRICTED) != program(1, TOKENISED)


def test_programs_have_steps_of_every_kind():
    kinds = {step[0] for about in (RESTRICTED, TOKENISED) for seed in range(400) for step in program(seed, about)}
    assert kinds == {*KINDS}


def test_a_program_shrinks_to_what_matters():
    made = (*program(7, RESTRICTED), ("restart",), ("reload",))
    assert shrunk(made, lambda shorter: ("restart",) in shorter and ("reload",) in shorter) == (
        ("restart",),
        ("reload",),
    )


def test_what_is_computed_is_text_that_fits_into_a_header():
    for name in COMPUTE:
        assert not set("\r\n\0") & set(computed(name, b"\x00\r\n salary [PAY_1] 52000 \xff"))
