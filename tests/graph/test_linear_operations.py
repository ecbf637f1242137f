"""What is linear in the one signal it is given is no nonlinearity: nothing is rectified, refused or named."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import interpret
from interpret import ModelError
from interpret_deconv import Neuron, nonlinearities, project

SIZE = 8
WEIGHT = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
PLANE = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
ORDER = torch.tensor([1, 0, 3, 2])


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def by_tokens(x, function):
    """What works on (tokens, images, channels)."""
    return function(x.flatten(2).permute(2, 0, 1)).permute(1, 2, 0).reshape(x.shape)


def places(x):
    """Where a turned and moved image is read."""
    return F.affine_grid(PLANE[None, :2, :3].expand(len(x), -1, -1), x.shape, align_corners=False)


def written(x):
    made = x.clone()
    made[:, :, 2] = 0
    made[:, 1] = x[:, 2]
    return made


LINEAR = {
    "einsum": lambda x: torch.einsum("nchw,dc->ndhw", x, WEIGHT),
    "einsum, weight first": lambda x: torch.einsum("d c, n c ... -> n d ...", WEIGHT, x),
    "einsum of tokens": lambda x: (
        torch.einsum("ntc,dc->ndt", x.flatten(2).transpose(1, 2), WEIGHT).view(x.shape)
    ),
    "linear of tokens first": lambda x: by_tokens(x, lambda tokens: F.linear(tokens, WEIGHT)),
    "bmm": lambda x: torch.bmm(WEIGHT.expand(len(x), -1, -1), x.flatten(2)).view(x.shape),
    "tensordot": lambda x: torch.tensordot(x, WEIGHT, ([1], [0])).permute(0, 3, 1, 2),
    "conv1d": lambda x: F.conv1d(x.flatten(2), WEIGHT[..., None].expand(-1, -1, 3), padding=1).view(x.shape),
    "conv3d": lambda x: F.conv3d(x[:, None], WEIGHT[None, None, :3, :3, None], padding=(1, 1, 0))[:, 0],
    "shuffle": lambda x: x.view(len(x), 2, 2, SIZE, SIZE).transpose(1, 2).reshape(x.shape),
    "cumsum": lambda x: x.cumsum(2),
    "diff": lambda x: F.pad(x.diff(dim=2), (0, 0, 0, 1)),
    "tril": lambda x: x.tril(),
    "where": lambda x: torch.where(PLANE > 0, x, 0.5 * x.flip(1)),
    "masked_fill": lambda x: x.masked_fill(PLANE > 0, 3),
    "gather": lambda x: x.gather(1, ORDER.view(1, 4, 1, 1).expand(x.shape)),
    "written into": written,
    "index_copy": lambda x: torch.zeros_like(x).index_copy(1, ORDER, x),
    "lerp": lambda x: torch.lerp(x, x.flip(1), 0.3),
    "addcmul": lambda x: torch.addcmul(x, x, PLANE, value=2),
    "rot90": lambda x: x.rot90(1, (2, 3)),
    "fft": lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * PLANE[:, :5]),
    "fft, real": lambda x: torch.view_as_real(torch.fft.fft2(x) * 1j).sum(-1),
    "grid_sample": lambda x: F.grid_sample(x, places(x), align_corners=False),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 3)[..., 1::2],
    "diagonal": lambda x: x.diagonal(dim1=2, dim2=3)[..., None].expand(-1, -1, -1, SIZE),
}  # fmt: skip


NONLINEAR = {
    "einsum": lambda x: torch.einsum("nchw,nchw->nchw", x, x),
    "lerp": lambda x: torch.lerp(x, x.flip(1), x.flip(2).sigmoid()),
    "where": lambda x: torch.where(x.flip(1) > 0, x, 0),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "gather": lambda x: x.gather(1, x.argsort(1)),
    "addcmul": lambda x: torch.addcmul(x, x, x.flip(1)),
}


def wrapped(part):
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), part, nn.Conv2d(4, 4, 3, padding=1), nn.Flatten(), nn.Linear(256, 2)
    )  # fmt: skip
    return interpret.wrap(module.double().eval(), input_size=SIZE)


def images():
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("name", LINEAR)
def test_what_is_linear_passes_its_gradient_under_every_rule(name):
    network, x = wrapped(Function(LINEAR[name])), images()
    assert nonlinearities(network, "2") == {}
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(network.module[:3](leaf)[1, 2, 4, 3], leaf)
    for choice in ({"nonlinear": "refuse"}, {}, {"rule": "guided"}):
        found = project(network, x, [Neuron(1, "2", 2, 4, 3)], **choice)
        torch.testing.assert_close(found[0], wanted[1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NONLINEAR)
def test_what_two_values_of_the_image_make_is_refused_by_name(name):
    network = wrapped(Function(NONLINEAR[name]))
    assert nonlinearities(network, "2") != {}
    with pytest.raises(ModelError, match=r'1: .*"refuse" allows no other'):
        project(network, images(), [Neuron(0, "2", 1, 2, 2)], nonlinear="refuse")


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2)

    def forward(self, x):
        return by_tokens(x, lambda tokens: self.attention(tokens, tokens, tokens)[0])


def test_attention_is_refused_for_what_is_not_linear_in_it():
    network = wrapped(Attention())
    assert nonlinearities(network, "2") == {"gradient": ("bmm x 2", "softmax")}
    with pytest.raises(ModelError, match=r"1\.attention: bmm"):
        project(network, images(), [Neuron(0, "2", 1, 2, 2)], nonlinear="refuse")
