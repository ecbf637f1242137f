"""Work in parts tells who listens how far it is, and nobody else."""

from interpret.progress import Progress, StepListener, listening, track


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


def test_nobody_hears_afterwards_or_without_a_listener():
    notes = Notes()
    with listening(StepListener(notes, "mine")):
        pass
    assert len(work()) == 4
    assert notes.told == []
