"""Operations on values that forwards use: elementwise ones, masks, constants; functions from maps to maps."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Operation = Callable[[Tensor], Tensor]


def fixed(*shape: int) -> Tensor:
    """Numbers from -1 to 1 that depend on nothing."""
    count = torch.Size(shape).numel()
    return torch.sin(1.7 * torch.arange(1, count + 1, dtype=torch.float64)).view(shape)


def by_argmax(x: Tensor) -> Tensor:
    return x.gather(1, x.argmax(1, keepdim=True)) * x


def swapped(x: Tensor) -> Tensor:
    return x.transpose(2, 3)


ELEMENTWISE: dict[str, Operation] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "hardtanh": F.hardtanh,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "logsigmoid": F.logsigmoid,
    "tanhshrink": F.tanhshrink,
    "softshrink": lambda x: F.softshrink(x, 0.1),
    "hardshrink": lambda x: F.hardshrink(x, 0.1),
    "threshold": lambda x: F.threshold(x, 0.1, 20.0),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "exp": torch.exp,
    "log1p": lambda x: torch.log1p(x.abs()),
    "sqrt": lambda x: x.abs().sqrt(),
    "square": torch.square,
    "power": lambda x: (x.abs() + 0.1) ** 1.5,
    "reciprocal": lambda x: 1 / (1 + x * x),
    "abs": torch.abs,
    "neg": torch.neg,
    "erf": torch.erf,
    "sign": lambda x: x * x.sign(),
    "floor": torch.floor,
    "round": lambda x: x + x.round(),
    "remainder": lambda x: torch.remainder(x, 0.7),
    "frac": torch.frac,
    "fmod": lambda x: torch.fmod(x, 0.5),
    "clamp": lambda x: x.clamp(-0.3, 0.4),
    "clamp_min": lambda x: x.clamp(min=0),
    "clamp_max": lambda x: x.clamp(max=0.2),
    "div": lambda x: x / 3,
    "floor_divide": lambda x: x // 0.3,
    "divided_down": lambda x: torch.div(x, 0.3, rounding_mode="floor") + x,
    "affine": lambda x: 2 * x - 0.3,
    "rsub": lambda x: 1 - x,
    "addcmul": lambda x: torch.addcmul(x, x, x, value=0.5),
    "atan2": lambda x: torch.atan2(x, x + 2),
    "lerp": lambda x: torch.lerp(x, x.relu(), 0.3),
    "maximum": lambda x: torch.maximum(x, 0.2 - x),
    "hypot": lambda x: torch.hypot(x, x + 1),
    "nan_to_num": lambda x: (x.abs() / x.relu()).nan_to_num(0.0, 1.0, -1.0),
    "logit": lambda x: torch.logit(x, 0.3),
    "double_cast": lambda x: x.double().to(x.dtype),
    "float32": lambda x: x.float().double(),
    "half_step": lambda x: x + x.half().double(),
    "clone": lambda x: x.clone() + 1,
    "detach": lambda x: x * x.detach(),
    "straight_through": lambda x: x + (x.round() - x).detach(),
    "prelu": lambda x: F.prelu(x, fixed(x.shape[1])),
    "prelu_one": lambda x: F.prelu(x, fixed(1)),
    "rrelu": F.rrelu,
    "dropout_off": lambda x: F.dropout(x, training=False),
    "product": lambda x: x * (x - 1),
    "quotient": lambda x: x / (2 + x.abs()),
}

MASKS: dict[str, Operation] = {
    "mask": lambda x: x * (x > 0),
    "mask_float": lambda x: x * (x > 0).to(x.dtype),
    "mask_add": lambda x: x + (x > 0.1),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "where_constant": lambda x: torch.where(x > 0, x, 0.5),
    "where_flip": lambda x: torch.where(x > 0, x, x.flip(3)),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0.1),
    "mask_and": lambda x: x * ((x > -0.2) & (x < 0.3)),
    "mask_not": lambda x: x * ~(x > 0),
    "mask_xor": lambda x: x * ((x > 0) ^ (x > 0.3)),
    "mask_of_channel": lambda x: x * (x[:, :1] > 0),
    "mask_of_mean": lambda x: x * (x > x.mean((2, 3), keepdim=True)),
    "mask_sum": lambda x: x + (x > 0).sum(1, keepdim=True),
    "mask_any": lambda x: x * (x > 0.5).any(1, keepdim=True),
    "mask_cat": lambda x: torch.cat([x, (x > 0).to(x.dtype)], 1),
    "mask_long": lambda x: x * (x > 0).long(),
    "mask_swapped": lambda x: x * (swapped(x).contiguous().view(x.shape) > 0),
    "isfinite": lambda x: x.masked_fill(~x.isfinite(), 0),
    "eq": lambda x: x * (x == x.amax(1, keepdim=True)),
    "sliced_mask": lambda x: x[:, :, 1:] * (x > 0)[:, :, :-1],
    "argmax_gather": by_argmax,
    "one_hot": lambda x: x * F.one_hot(x.argmax(1), x.shape[1]).permute(0, 3, 1, 2),
    "argmax_rows": lambda x: x.gather(2, x.argmax(2, keepdim=True).expand(-1, -1, 2, -1)),
    "masked_pad": lambda x: x * F.pad((x > 0), (1, 0))[..., :-1],
    "bucketize": lambda x: x * torch.bucketize(x.detach(), torch.tensor([-0.3, 0.0, 0.3], dtype=x.dtype)),
    "bit": lambda x: x * ((x * 4).int() & 1),
    "top_mask": lambda x: x * (x >= x.topk(2, 1).values[:, -1:]),
    "logical": lambda x: x * torch.logical_or(x > 0.3, x < -0.3),
    "fixed_mask": lambda x: x * (fixed(*x.shape[2:]) > 0),
    "fixed_where": lambda x: torch.where(fixed(*x.shape[2:]) > 0, x, -x),
    "peaks": lambda x: x * (x == F.max_pool2d(x, 3, 1, 1)),
    "peak_difference": lambda x: x * ((F.max_pool2d(x, 3, 1, 1) - x) == 0),
    "peaks_cut": lambda x: x[..., 1:] * (x[..., 1:] == F.max_pool2d(x, 3, 1, 1)[..., 1:]),
    "peaks_of_gelu": lambda x: F.gelu(x) * (F.gelu(x) >= F.max_pool2d(F.gelu(x), 3, 1, 1)),
    "peaks_joined": lambda x: (
        torch.cat([x, F.max_pool2d(x, 3, 1, 1)], 1)
        * (torch.cat([F.max_pool2d(x, 3, 1, 1), x], 1) > torch.cat([x, F.max_pool2d(x, 3, 1, 1)], 1))
    ),
    "clamped": lambda x: x * (x.clamp(max=0.2) < 0.2),
    "saturated": lambda x: x + (F.relu6(5 * x + 3) == 6),
    "unchanged": lambda x: x * (x.clamp(-0.3, 0.3) == x),
    "steps_of_clamped": lambda x: x + (x.clamp(-0.7, 0.7) / 0.7).floor(),
    "endless": lambda x: x.masked_fill(x < 0, -torch.inf).clamp(min=-2),
    "overflow": lambda x: torch.tanh(x / x.relu().clamp(max=0)).nan_to_num(0.5),
    "index_by_maximum": lambda x: x[torch.arange(len(x)), x.mean((2, 3)).argmax(1)].unsqueeze(1),
    "sign_of_sum": lambda x: x * (x + x.relu()).sign(),
    "detached_mask": lambda x: x * (x.detach() > 0),
    "fixed_fill": lambda x: x.masked_fill(fixed(*x.shape[1:]) > 0, 0.3),
}

CONSTANTS: dict[str, Operation] = {
    "plus_channel": lambda x: x + fixed(x.shape[1], 1, 1),
    "times_channel": lambda x: x * fixed(x.shape[1], 1, 1),
    "plus_map": lambda x: x + fixed(*x.shape[2:]),
    "times_map": lambda x: x * fixed(*x.shape[2:]),
    "times_rows": lambda x: x * fixed(x.shape[2], 1),
    "times_columns": lambda x: x * fixed(x.shape[3]),
    "times_all": lambda x: x * fixed(*x.shape[1:]),
    "plus_rows": lambda x: x + fixed(x.shape[2], 1),
    "plus_columns": lambda x: x + fixed(x.shape[3]),
    "over_columns": lambda x: x / (2 + fixed(x.shape[3])),
    "plus_batch": lambda x: x + x.new_ones(x.shape[0], 1, 1, 1),
    "times_batch": lambda x: x * x.new_full((x.shape[0], x.shape[1], 1, 1), 0.3),
    "times_like": lambda x: x * torch.full_like(x, 0.3),
    "times_batch_map": lambda x: x * x.new_full(tuple(x.shape), 0.7).cumsum(3),
    "coordinates": lambda x: torch.cat([x, fixed(1, 1, *x.shape[2:]).expand(len(x), -1, -1, -1)], 1),
    "maximum_map": lambda x: torch.maximum(x, 0.2 * fixed(*x.shape[2:])),
    "power_map": lambda x: (x.abs() + 0.1) ** (1.5 + fixed(*x.shape[2:])),
    "times_scalar": lambda x: x * torch.tensor(0.3, dtype=x.dtype),
    "times_one": lambda x: x * fixed(1),
    "minus_from_map": lambda x: fixed(*x.shape[2:]) - x,
    "ones_mean": lambda x: x + torch.ones_like(x).mean(),
    "widened": lambda x: x[:, :1] * fixed(1, 4, 1, 1),
    "widened_sum": lambda x: x[:, :1] + fixed(1, 4, 1, 1),
}
