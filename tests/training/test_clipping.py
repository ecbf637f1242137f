"""The limit on filters, against cases computed by hand and at other input scales."""

import pytest
import torch
from torch import nn

from interpret.images import InputSpec
from interpret.network import wrap
from interpret_training.clipping import clip_filters, first_convolution, rms


def test_rms_by_hand():
    weight = torch.tensor([[[[3.0, 4.0], [0.0, 0.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
    assert rms(weight).tolist() == [2.5, 1.0]


def test_filters_above_the_radius_are_scaled_to_it_and_others_stay_to_the_bit():
    weight = torch.tensor(
        [[[[3.0, 4.0], [0.0, 0.0]]], [[[0.1, 0.1], [0.1, 0.1]]], [[[0.3, 0.0], [0.0, 0.0]]]]
    )
    before = weight.clone()
    clip_filters(weight, 0.15)
    torch.testing.assert_close(weight[0], torch.tensor([[[0.18, 0.24], [0.0, 0.0]]]))
    assert torch.equal(weight[1:], before[1:])


def test_the_paper_s_first_layer():
    """A filter of 7 x 7 x 3 weights at the radius has the norm 0.1 * sqrt(147) = 1.21."""
    weight = torch.ones(1, 3, 7, 7)
    clip_filters(weight, 0.1)
    assert float(weight.norm()) == pytest.approx(1.2124, abs=1e-4)


def test_at_another_input_scale_the_same_network_is_clipped_in_the_same_way():
    torch.manual_seed(0)
    paper = torch.randn(5, 3, 3, 3) * torch.tensor([0.01, 0.05, 0.1, 0.5, 2])[:, None, None, None]
    scale = torch.tensor(InputSpec(mean=(0.5,) * 3, std=(0.25, 0.2, 1 / 255)).divisor)
    assert scale.tolist() == pytest.approx([63.75, 51, 1])
    rescaled = paper * scale[:, None, None]
    clip_filters(paper, 0.1)
    clip_filters(rescaled, 0.1, scale)
    torch.testing.assert_close(rescaled / scale[:, None, None], paper)


def test_the_first_convolution_is_the_one_that_reads_the_image():
    module = nn.Sequential()
    module.add_module("early", nn.Conv2d(3, 4, 1))
    module.add_module("late", nn.Conv2d(4, 3, 1))
    assert first_convolution(wrap(module.eval(), input_size=4)) is module.early
    assert first_convolution(wrap(nn.Sequential(nn.ReLU()), input_size=4)) is None
