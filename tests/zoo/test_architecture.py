"""ZFNet and Krizhevsky's net against the paper's figures, and every row of its Table 3."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from interpret.errors import ModelError
from interpret_zoo.alexnet import ALEXNET
from interpret_zoo.architecture import assemble, build, resize, ungrouped
from interpret_zoo.zfnet import ZFNET

DENSE = ungrouped(ALEXNET)
WIDE = {3: 512, 4: 1024, 5: 512}


def skeleton(layers):
    """The paper's network without its numbers: nobody waits for 100 million of them."""
    with torch.device("meta"):
        return assemble(layers, channels=3, size=(224, 224), classes=1000, dropout=0.5)


def small(layers, *, size=(64, 64), channels=3, classes=7, seed=0, **change):
    layers = resize(layers, scale=1 / 16, **change)
    torch.manual_seed(seed)
    return build(layers, channels=channels, size=size, classes=classes, dropout=0.5).eval()


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def sides(network, side):
    """Side of the map after each convolution and pool."""
    x, found = torch.zeros(1, 3, side, side, device="meta"), []
    for layer in list(network)[: list(dict(network.named_children())).index("flatten")]:
        for part, module in layer.named_children():
            x = module(x)
            found += [x.shape[-1]] if part in {"conv", "pool"} else []
    return found


@pytest.mark.parametrize(
    ("layers", "parameters"),
    [
        (ZFNET, 62_357_608),
        (resize(ZFNET, widths=WIDE), 107_627_624),
        (ALEXNET, 60_965_224),
        (DENSE, 62_378_344),
    ],
)
def test_published_parameter_counts(layers, parameters):
    assert count(skeleton(layers)) == parameters


def test_published_map_sizes():
    assert sides(skeleton(ZFNET), 224) == [110, 55, 26, 13, 13, 13, 13, 6]
    assert sides(skeleton(ALEXNET), 224) == [55, 27, 27, 13, 13, 13, 13, 6]


@pytest.mark.parametrize(
    ("layers", "order"), [(ZFNET, "pad conv relu pool norm"), (ALEXNET, "pad conv relu norm pool")]
)
def test_order_of_the_parts(layers, order):
    network = skeleton(layers)
    assert " ".join(dict(network.layer1.named_children())) == order
    assert " ".join(dict(network.layer2.named_children())) == order.removeprefix("pad ")
    for name in ("layer3", "layer4"):
        assert " ".join(dict(network.get_submodule(name).named_children())) == "conv relu"
    assert " ".join(dict(network.layer5.named_children())) == "conv relu pool"
    for name in ("layer6", "layer7"):
        assert " ".join(dict(network.get_submodule(name).named_children())) == "linear relu dropout"


def expected_count(convs, hidden, side):
    """Parameters of a chain of (maps, kernel, groups), of hidden layers and of 1000 categories."""
    total, maps = 0, 3
    for width, kernel, groups in convs:
        total += maps // groups * kernel**2 * width + width
        maps = width
    features = [maps * side**2, *hidden, 1000]
    return total + sum(n * m + m for n, m in pairwise(features))


A1, A2, A3, A4, A5 = (96, 11, 1), (256, 5, 2), (384, 3, 1), (384, 3, 2), (256, 3, 2)
Z1, Z2, Z3, Z4, Z5 = (96, 7, 1), (256, 5, 1), (384, 3, 1), (384, 3, 1), (256, 3, 1)
W3, W4, W5 = (512, 3, 1), (1024, 3, 1), (512, 3, 1)

TABLE_3 = [
    (ALEXNET, {}, [A1, A2, A3, A4, A5], [4096, 4096]),
    (ALEXNET, {"remove": [3, 4]}, [A1, A2, A5], [4096, 4096]),
    (ALEXNET, {"remove": [7]}, [A1, A2, A3, A4, A5], [4096]),
    (ALEXNET, {"remove": [6, 7]}, [A1, A2, A3, A4, A5], []),
    (ALEXNET, {"remove": [3, 4, 6, 7]}, [A1, A2, A5], []),
    (ALEXNET, {"widths": {6: 2048, 7: 2048}}, [A1, A2, A3, A4, A5], [2048, 2048]),
    (ALEXNET, {"widths": {6: 8192, 7: 8192}}, [A1, A2, A3, A4, A5], [8192, 8192]),
    (ZFNET, {}, [Z1, Z2, Z3, Z4, Z5], [4096, 4096]),
    (ZFNET, {"widths": {6: 2048, 7: 2048}}, [Z1, Z2, Z3, Z4, Z5], [2048, 2048]),
    (ZFNET, {"widths": {6: 8192, 7: 8192}}, [Z1, Z2, Z3, Z4, Z5], [8192, 8192]),
    (ZFNET, {"widths": WIDE}, [Z1, Z2, W3, W4, W5], [4096, 4096]),
    (ZFNET, {"widths": WIDE | {6: 8192, 7: 8192}}, [Z1, Z2, W3, W4, W5], [8192, 8192]),
]


@pytest.mark.parametrize(("layers", "change", "convs", "hidden"), TABLE_3)
def test_every_row_of_table_3(layers, change, convs, hidden):
    network = skeleton(resize(layers, **change))
    assert count(network) == expected_count(convs, hidden, side=6)
    assert network(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, 1000)


def test_layers_that_stay_keep_their_numbers():
    names = [name for name, _ in small(ALEXNET, remove=[3, 4, 7]).named_children()]
    assert names == ["layer1", "layer2", "layer5", "flatten", "layer6", "classifier"]


def by_hand(network, x, order):
    """The forward pass written out once more, with cuda-convnet's overhang as an explicit pad."""
    p = dict(network.named_parameters())
    for number, stride, padding, groups, parts in order:
        weight = p[f"layer{number}.conv.weight"]
        rest = [-(side + 2 * padding - weight.shape[-1]) % stride for side in x.shape[2:]]
        x = F.pad(x, (0, rest[1], 0, rest[0]))
        x = F.relu(F.conv2d(x, weight, p[f"layer{number}.conv.bias"], stride, padding, groups=groups))
        for part in parts:
            x = F.max_pool2d(x, 3, 2, ceil_mode=True) if part == "pool" else lrn(x)
    x = x.flatten(1)
    for number in (6, 7):
        x = F.relu(F.linear(x, p[f"layer{number}.linear.weight"], p[f"layer{number}.linear.bias"]))
    return F.linear(x, p["classifier.weight"], p["classifier.bias"])


def lrn(x):
    """Krizhevsky's formula with alpha / n, one map at a time."""
    maps = [x[:, max(0, i - 2) : i + 3].square().sum(1) for i in range(x.shape[1])]
    return x / (2 + 1e-4 / 5 * torch.stack(maps, 1)) ** 0.75


ZF_ORDER = [
    (1, 2, 0, 1, "pool norm"),
    (2, 2, 0, 1, "pool norm"),
    (3, 1, 1, 1, ""),
    (4, 1, 1, 1, ""),
    (5, 1, 1, 1, "pool"),
]
KR_ORDER = [
    (1, 4, 0, 1, "norm pool"),
    (2, 1, 2, 2, "norm pool"),
    (3, 1, 1, 1, ""),
    (4, 1, 1, 2, ""),
    (5, 1, 1, 2, "pool"),
]


@pytest.mark.parametrize(("layers", "order"), [(ZFNET, ZF_ORDER), (ALEXNET, KR_ORDER)])
@pytest.mark.parametrize("size", [(64, 64), (97, 110)])
def test_forward_pass_is_the_papers(layers, order, size):
    network = small(layers, size=size).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    x = 100 * torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    order = [(*rest, parts.split()) for *rest, parts in order]
    expected = by_hand(network, x, order)
    assert expected.std() > 1e-3
    torch.testing.assert_close(network(x), expected, rtol=1e-12, atol=1e-12)


def test_first_weights_are_the_papers():
    network = small(ZFNET, seed=3)
    weights = torch.cat([p.flatten() for name, p in network.named_parameters() if name.endswith("weight")])
    assert abs(weights.std() - 0.01) < 2e-4
    assert abs(weights.mean()) < 2e-4
    assert all((p == 0).all() for name, p in network.named_parameters() if name.endswith("bias"))


def test_seed_decides_the_weights():
    first, again, other = small(ZFNET, seed=1), small(ZFNET, seed=1), small(ZFNET, seed=2)
    assert torch.equal(first.layer3.conv.weight, again.layer3.conv.weight)
    assert not torch.equal(first.layer3.conv.weight, other.layer3.conv.weight)


@pytest.mark.parametrize("layers", [ZFNET, ALEXNET, DENSE])
@pytest.mark.parametrize(("channels", "size", "classes"), [(1, (80, 65), 2), (5, (64, 128), 11)])
def test_any_channels_size_and_number_of_categories(layers, channels, size, classes):
    network = small(layers, channels=channels, size=size, classes=classes)
    assert network(torch.randn(3, channels, *size)).shape == (3, classes)


def test_widths_scale_to_even_numbers():
    assert [layer.width for layer in resize(ZFNET, scale=0.01).values()] == [2, 2, 4, 4, 2, 40, 40]
    assert resize(ALEXNET, scale=0.5, widths={3: 7})[3].width == 7
    assert resize(ALEXNET, scale=0.5, widths={3: 7})[4].width == 192


def test_dropout_is_on_the_hidden_layers_only():
    network = small(ZFNET)
    assert (network.layer6.dropout.p, network.layer7.dropout.p) == (0.5, 0.5)
    x = torch.randn(4, 3, 64, 64)
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small(ZFNET, size=(20, 20)), "too small: the convolution of layer2 gets a map of 4 x 4"),
        (lambda: small(ZFNET, size=(200, 30)), "pool of layer2 gets a map of 23 x 2"),
        (lambda: resize(ZFNET, remove=[9]), "'remove' names layer 9; there are layers 1, 2, 3"),
        (lambda: resize(ZFNET, widths={0: 3}), "'widths' names layer 0"),
        (lambda: small(ALEXNET, widths={1: 5}), "layer2 has 2 groups, but 5 input maps"),
    ],
)
def test_impossible_networks_are_refused(make, message):
    with pytest.raises(ModelError, match=message):
        make()
