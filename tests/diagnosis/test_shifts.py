"""Shift equivariance: layers that move along, layers that cannot, and the measure against loops."""

import pytest
import torch
from torch import nn

import interpret
from interpret.errors import InterpretError, UnknownNameError
from interpret_diagnosis import shift_error


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network_of(*layers, size=32, channels=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(*[layer() for layer in layers])
    return interpret.wrap(module.eval(), input_size=size, mean=[0] * channels, std=[1] * channels)


def blurred(stride, blur):
    """A fine filter, a blur of ``blur`` x ``blur`` pixels three times over, and only then the stride."""

    def box(step):
        return lambda: nn.AvgPool2d(blur, step)

    return network_of(lambda: nn.Conv2d(1, 4, 3), nn.ReLU, box(1), box(1), box(stride), size=64)


def test_stride_1_and_moves_by_whole_strides_are_exact():
    network = network_of(lambda: nn.Conv2d(1, 3, 3), nn.ReLU, lambda: nn.Conv2d(3, 3, 3, stride=4))
    found = shift_error(network, noise(2, 1, 32, 32), ["1", "2"])
    assert found["1"].error == pytest.approx(0, abs=1e-6)
    assert found["2"].shifts == (1, 2, 3, 4)
    assert found["2"].each[:, 3].tolist() == pytest.approx([0, 0], abs=1e-6)


def test_a_blur_before_the_stride_lets_maps_move_along():
    x = noise(4, 1, 64, 64)
    assert shift_error(blurred(4, 8), x, ["4"])["4"].error < 0.2
    assert shift_error(blurred(4, 1), x, ["4"])["4"].error > 0.9


def test_stride_4_is_worse_than_stride_2():
    x = nn.functional.avg_pool2d(noise(4, 1, 66, 66), 3, 1)
    two = network_of(lambda: nn.Conv2d(1, 8, 7, stride=2), size=64)
    four = network_of(lambda: nn.Conv2d(1, 8, 7, stride=4), size=64)
    assert shift_error(two, x, ["0"])["0"].error < shift_error(four, x, ["0"])["0"].error


def reference(network, x, *, shift, axis, stride, cells):
    """One shift, cell by cell, in float64, over the cells that see no border."""
    before = network.record(x, ["0"])["0"].double()
    after = network.record(x.roll(shift, axis + 2), ["0"])["0"].double()
    part, missed, values = shift / stride, 0.0, []
    for n in range(len(x)):
        for y in cells[0]:
            for z in cells[1]:
                back = (y - 1, z) if axis == 0 else (y, z - 1)
                expected = part * before[n, :, *back] + (1 - part) * before[n, :, y, z]
                missed += float((after[n, :, y, z] - expected).square().sum())
                values.append(after[n, :, y, z])
    values = torch.stack(values)
    return (missed / float((values - values.mean(0)).square().sum())) ** 0.5


def test_the_measure_against_plain_loops():
    network = network_of(lambda: nn.Conv2d(2, 3, 5, stride=3), size=20, channels=2)
    x = noise(10, 2, 20, 20)
    found = shift_error(network, x, ["0"])["0"]
    for axis in (0, 1):
        # Cell i sees pixels 3 i to 3 i + 4 of 20; cell 0 has none before it.
        cells = [range(1, 6), range(6)] if axis == 0 else [range(6), range(1, 6)]
        for place, shift in enumerate((1, 2, 3)):
            expected = reference(network, x, shift=shift, axis=axis, stride=3, cells=cells)
            assert float(found.each[axis, place]) == pytest.approx(expected, abs=1e-5)
    assert found.error == pytest.approx(float(found.each.mean()))


def test_a_padded_layer_leaves_out_what_touches_the_borders():
    """With zeros around the image a border moves; inside, a stride of 1 is still exact."""
    network = network_of(lambda: nn.Conv2d(1, 3, 5, padding=2), nn.ReLU, size=16)
    assert shift_error(network, noise(2, 1, 16, 16), ["1"])["1"].error == pytest.approx(0, abs=1e-6)


def test_why_an_error_cannot_be_had():
    network = network_of(
        lambda: nn.Conv2d(1, 2, 3),
        lambda: nn.Conv2d(2, 2, 31, padding=1),
        nn.Flatten,
        lambda: nn.Linear(8, 2),
    )
    found = shift_error(network, noise(1, 1, 32, 32), ["1", "3"])
    assert found["1"].error is None
    assert found["1"].reason == "A neuron sees 33 of 32 pixels: none stays clear of the borders."
    assert found["3"].reason.startswith("It has no positions")
    silent = network_of(lambda: nn.Conv2d(1, 2, 3))
    with torch.no_grad():
        silent.module[0].weight.zero_()
    assert shift_error(silent, noise(1, 1, 32, 32), ["0"])["0"].reason == "Its map is the same everywhere."


def test_strides_that_differ_down_and_across():
    network = network_of(lambda: nn.Conv2d(1, 3, 3, stride=(1, 4)))
    found = shift_error(network, noise(2, 1, 32, 32), ["0"])["0"]
    assert found.stride == (1, 4)
    assert found.each[0].isnan().tolist() == [False, True, True, True]


def test_few_shifts_of_a_long_stride():
    network = network_of(lambda: nn.Conv2d(1, 3, 3, stride=16), size=64)
    found = shift_error(network, noise(1, 1, 64, 64), ["0"], most=4)["0"]
    assert found.shifts == (4, 8, 12, 16)


def test_wrong_questions_are_refused():
    network = network_of(lambda: nn.Conv2d(1, 2, 3))
    with pytest.raises(UnknownNameError):
        shift_error(network, noise(1, 1, 32, 32), ["conv"])
    with pytest.raises(InterpretError, match=r"takes images \(n, 1, 32, 32\).*Got \(1, 1, 30, 32\)"):
        shift_error(network, noise(1, 1, 30, 32), ["0"])
    with pytest.raises(InterpretError, match="most=0"):
        shift_error(network, noise(1, 1, 32, 32), ["0"], most=0)


def test_a_layer_whose_fields_do_not_move_alike_says_so():
    network = network_of(
        lambda: nn.Conv2d(1, 3, 3, stride=2, padding=1),
        lambda: nn.Upsample(scale_factor=2),
        lambda: nn.Upsample(scale_factor=2),
    )
    found = shift_error(network, noise(2, 1, 32, 32), ["0", "1", "2"])
    assert found["0"].error is not None
    for layer, stride in (("1", 1), ("2", 0.5)):
        assert found[layer].error is None
        assert found[layer].stride == (stride, stride)
        assert "no whole number of pixels apart" in found[layer].reason
