import enum

import pytest
import torch
from torch import nn

from interpret.errors import ModelError, UnknownNameError
from interpret.network import wrap


class Twice(nn.Module):
    """A convolution, one ReLU used in place twice, batch norm."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)
        self.norm, self.relu, self.drop = nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.relu(self.conv2(self.relu(self.norm(self.conv1(x)))))).mean((2, 3))


@pytest.fixture
def module():
    torch.manual_seed(0)
    return Twice()


def state(module):
    hooks = [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()]
    values = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    return hooks, [part.training for part in module.modules()], values


def assert_unchanged(before, module):
    after = state(module)
    assert before[:2] == after[:2]
    assert all(torch.equal(tensor, after[2][name]) for name, tensor in before[2].items())


def test_layers_are_in_execution_order_and_calls_have_numbers(module):
    network = wrap(module, input_size=8)
    assert network.layers == ("conv1", "norm", "relu:1", "conv2", "relu:2", "drop")
    assert network.layer("relu") == "relu:2"
    assert wrap(module, input_size=8, aliases={"layer1": "relu:1"}).layer("layer1") == "relu:1"


def test_recorded_activations_equal_a_computation_by_hand(module):
    module.eval()
    x = torch.rand(2, 3, 8, 8)
    found = wrap(module, input_size=8).record(x, ["conv1", "relu:1", "relu:2"])
    with torch.no_grad():
        conv = module.conv1(x)
        first = module.norm(conv).clamp(min=0)
        second = module.conv2(first).clamp(min=0)
    assert torch.equal(found["conv1"], conv)  # before the in-place ReLU
    assert torch.equal(found["relu:1"], first)
    assert torch.equal(found["relu:2"], second)


def test_the_module_is_as_before_also_after_an_exception(module):
    module.train()
    module.norm.eval()
    before = state(module)
    network = wrap(module, input_size=8)
    network.record(torch.rand(2, 3, 8, 8), ["conv2"])
    network(torch.rand(2, 3, 8, 8))
    assert_unchanged(before, module)

    def fail(_):
        raise KeyError("tap")

    with pytest.raises(KeyError, match="tap"):
        network.record(torch.rand(1, 3, 8, 8), ["conv2"], fail)
    with pytest.raises(ModelError):
        network(torch.rand(1, 7, 8, 8))
    assert_unchanged(before, module)


def test_an_unknown_layer_shows_the_nearest_names(module):
    with pytest.raises(UnknownNameError, match=r"no layer 'conv3'.*'conv2'"):
        wrap(module, input_size=8).record(torch.rand(1, 3, 8, 8), ["conv3"])


def test_an_alias_that_is_a_layer_is_suggested_once(module):
    with pytest.raises(UnknownNameError) as raised:
        wrap(module, input_size=8, aliases={"conv1": "conv1"}).layer("conv3")
    assert str(raised.value).count("'conv1'") == 1


def test_a_wrong_input_size_says_what_to_give():
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 2))
    with pytest.raises(ModelError, match="input_size"):
        _ = wrap(net, input_size=16).layers


def test_wrap_takes_modules_only():
    with pytest.raises(ModelError, match=r"nn\.Module"):
        wrap(lambda x: x)


def test_fingerprint_follows_weights_and_input(module):
    before = wrap(module).fingerprint()
    assert before == wrap(module).fingerprint()
    assert before != wrap(module, input_size=64).fingerprint()
    with torch.no_grad():
        module.conv1.bias[0] += 1
    assert before != wrap(module).fingerprint()


def test_images_of_another_shape_that_do_not_fit_are_refused_by_shape():
    network = wrap(nn.Conv2d(3, 4, 3), input_size=8)
    network(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ModelError, match=r"shape \(1, 8, 8\).*wrapped for images of shape \(3, 8, 8\)"):
        network.record(torch.zeros(1, 1, 8, 8), [])
    with pytest.raises(ModelError, match="cannot run on images of shape"):
        network(torch.zeros(1, 3, 2, 2))


def test_interpolation_is_a_name_of_pillow_or_of_torchvision():
    class Mode(enum.Enum):  # as torchvision.transforms.InterpolationMode, whose import takes seconds
        BICUBIC = "bicubic"

    assert wrap(nn.Conv2d(3, 4, 3), interpolation=Mode.BICUBIC).input.interpolation == "bicubic"
    with pytest.raises(
        ModelError, match="interpolation is 'cubic'; it must be one of nearest, box, bilinear"
    ):
        wrap(nn.Conv2d(3, 4, 3), interpolation="cubic")


def test_an_input_beyond_memory_is_refused():
    with pytest.raises(ModelError, match="of at most 16384"):
        wrap(nn.Conv2d(3, 4, 3), input_size=10**6)


def test_one_name_is_one_layer():
    network = wrap(nn.Sequential(nn.ReLU(), nn.Conv2d(3, 2, 3)).eval(), input_size=8, aliases={"conv": "1"})
    assert network.record(torch.zeros(1, 3, 8, 8), "conv")["conv"].shape == (1, 2, 6, 6)
