"""Work in parts tells who listens how far it is, and nobody else."""

import pytest

from interpret.progress import Progress, StepListener, listening, track, track_long, track_ranges


class Notes(Progress):
    def __init__(self):
        self.told = []

    def started(self, step, parts):
        self.told.append(("started", step, parts))

    def advanced(self, step, parts):
        self.told.append(("advanced", step, parts))


def work():
    """Two parts, each of which has a loop of its own."""
    return [(part, inner) for part in track("ab") for inner in track([1, 2])]


def test_a_listener_hears_of_the_outer_loop_only():
    notes = Notes()
    with listening(StepListener(notes, "mine")):
        assert work() == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
        assert work()  # a second piece of work begins anew
    first = [("started", "mine", 2), ("advanced", "mine", 1), ("advanced", "mine", 1)]
    assert notes.told == first * 2


def test_work_inside_ranges_counts_in_their_units():
    notes = Notes()
    with listening(StepListener(notes, "mine")):
        for images in track_ranges([range(4), range(4, 6)]):
            assert list(track("ab")) == ["a", "b"]
            assert list(track(images))  # a second loop adds nothing that is told already
    assert notes.told == [
        ("started", "mine", 6),
        *([("advanced", "mine", 2)] * 2),
        *([("advanced", "mine", 1)] * 2),
    ]


def test_of_few_long_parts_the_loops_inside_count():
    notes = Notes()
    with listening(StepListener(notes, "mine")):
        for part in track_long("abc"):
            for _ in track(range(2 if part == "a" else 0)):
                pass
    halves, wholes = [("advanced", "mine", 50)] * 2, [("advanced", "mine", 100)] * 2
    assert notes.told == [("started", "mine", 300), *halves, *wholes]


def test_a_single_long_part_leaves_all_to_the_loop_inside():
    notes = Notes()
    with listening(StepListener(notes, "mine")):
        assert [list(track("ab")) for _ in track_long([1])] == [["a", "b"]]
    assert notes.told == [("started", "mine", 2), *([("advanced", "mine", 1)] * 2)]


@pytest.mark.parametrize("loop", [track, track_long])
def test_a_loop_that_was_left_disturbs_nobody_later(loop):
    first, second = Notes(), Notes()
    with listening(StepListener(first, "first")):
        left = loop("ab")
        next(left)  # and an error, whose traceback holds the loop
    with listening(StepListener(second, "second")):
        for _ in track("cd"):
            left.close()
            assert list(track("ef")) == ["e", "f"]
    assert first.told == [("started", "first", 2 if loop is track else 200)]
    assert second.told == [("started", "second", 2), *([("advanced", "second", 1)] * 2)]


def test_nobody_hears_afterwards_or_without_a_listener():
    notes = Notes()
    with listening(StepListener(notes, "mine")):
        pass
    assert len(work()) == 4
    assert notes.told == []
