"""Operations that move, cut or repeat positions, as forwards use them; functions from maps to maps."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from value_operations import Operation, fixed, swapped


def written(x: Tensor, write: Callable[[Tensor], object]) -> Tensor:
    """A copy that is written into."""
    copy = x.clone()
    write(copy)
    return copy


def shuffled(x: Tensor, groups: int = 2) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def windows_of(x: Tensor, size: int = 3) -> Tensor:
    n, c, h, w = x.shape
    cut = x[:, :, : h // size * size, : w // size * size]
    parts = cut.reshape(n, c, h // size, size, w // size, size).permute(0, 1, 3, 5, 2, 4)
    return parts.reshape(n, c * size * size, h // size, w // size)


def moved_in(x: Tensor) -> Tensor:
    """Channels that are shifted in the four directions, as in shift networks."""
    a, b, c, d = x.chunk(4, 1)
    return torch.cat([a.roll(1, 2), b.roll(-1, 2), c.roll(1, 3), d.roll(-1, 3)], 1)


VIEWS: dict[str, Operation] = {
    "transpose": swapped,
    "permute_back": lambda x: x.permute(0, 3, 2, 1).permute(0, 3, 2, 1),
    "swap_sum": lambda x: x[..., :7, :7] + swapped(x[..., :7, :7]),
    "swap_cat": lambda x: torch.cat([x[..., :7, :7], swapped(x[..., :7, :7])], 1),
    "swap_product": lambda x: x[..., :7, :7] * swapped(x[..., :7, :7]),
    "swap_twice": lambda x: swapped(swapped(x).relu()),
    "channels_for_rows": lambda x: x.transpose(1, 2),
    "channels_for_columns": lambda x: x.permute(0, 3, 2, 1),
    "turned": lambda x: x.permute(0, 2, 3, 1),
    "channels_last": lambda x: (x.permute(0, 2, 3, 1) * 2).relu().permute(0, 3, 1, 2),
    "last_linear": lambda x: F.linear(x.permute(0, 2, 3, 1), fixed(4, x.shape[1])).permute(0, 3, 1, 2),
    "last_times_rows": lambda x: (x.permute(0, 2, 3, 1) * fixed(x.shape[2], 1, 1)).permute(0, 3, 1, 2),
    "last_slice": lambda x: x.permute(0, 2, 3, 1)[:, 1:, ::2].permute(0, 3, 1, 2),
    "last_prelu": lambda x: F.prelu(x.permute(0, 2, 3, 1), fixed(x.shape[2])).permute(0, 3, 1, 2),
    "last_norm": lambda x: F.batch_norm(
        x.permute(0, 2, 3, 1), fixed(x.shape[2]), fixed(x.shape[2]).abs() + 0.5
    ).permute(0, 3, 1, 2),
    "last_cat": lambda x: torch.cat([x.permute(0, 2, 3, 1), x.permute(0, 2, 3, 1) ** 2], 1).permute(
        0, 3, 1, 2
    ),
    "last_lrn": lambda x: F.local_response_norm(x.permute(0, 2, 3, 1), 3, alpha=1.0).permute(0, 3, 1, 2),
    "channel_shuffle": shuffled,
    "native_shuffle": lambda x: F.channel_shuffle(x, 2),
    "flatten_back": lambda x: x.flatten(2).view(x.shape),
    "flat_relu": lambda x: x.flatten(2).relu().unflatten(2, tuple(x.shape[2:])),
    "unsqueeze": lambda x: x.unsqueeze(1).relu().squeeze(1),
    "unsqueeze_last": lambda x: (x.unsqueeze(-1) * fixed(2)).sum(-1),
    "rows_folded": lambda x: x.flatten(1, 2).unflatten(1, (2, -1)),
    "reshape_turned": lambda x: x.reshape(len(x), x.shape[1], x.shape[3], x.shape[2]),
    "reshape_mixed": lambda x: x.reshape(len(x), x.shape[2], x.shape[1], x.shape[3]),
    "tokens": lambda x: x.flatten(2).transpose(1, 2).relu().transpose(1, 2).reshape(x.shape),
    "tokens_turned": lambda x: x.flatten(2).transpose(1, 2).reshape(x.shape),
    "space_to_depth": windows_of,
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2], 2),
    "expand": lambda x: x[:, :1].expand(-1, 3, -1, -1),
    "expand_rows": lambda x: x.mean(2, keepdim=True).expand_as(x),
    "repeat": lambda x: x.repeat(1, 2, 1, 1),
    "repeat_rows": lambda x: x.repeat(1, 1, 2, 1),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 3),
    "tile": lambda x: x.tile(2, 1),
    "movedim": lambda x: x.movedim(1, 3).movedim(3, 1),
    "swapaxes": lambda x: x.swapaxes(-1, -2),
    "diagonal": lambda x: x + x[..., :1, :1] * x.diagonal(dim1=2, dim2=3).sum(-1)[..., None, None],
    "batch_swap": lambda x: x.transpose(0, 1).relu().transpose(0, 1),
    "batch_fold": lambda x: x.flatten(0, 1).unsqueeze(1).relu().squeeze(1).view(x.shape),
    "batch_fold_pool": lambda x: F.avg_pool2d(x.flatten(0, 1).unsqueeze(1), 3, 1, 1).squeeze(1).view(x.shape),
    "view_minus_one": lambda x: x.view(-1, x.shape[2], x.shape[3]).view(-1, *x.shape[1:]),
}

CUTS: dict[str, Operation] = {
    "slice": lambda x: x[:, :, 1:, :-2],
    "slice_step": lambda x: x[:, :, ::2, 1::2],
    "slice_channels": lambda x: x[:, 1:3],
    "select_channel": lambda x: x[:, 1].unsqueeze(1),
    "select_row": lambda x: x + x[:, :, 2].unsqueeze(2),
    "select_column": lambda x: x * x[..., 3:4],
    "negative_slice": lambda x: x[..., -5:, -6:-1],
    "index_channels": lambda x: x[:, [2, 1, 0]],
    "index_rows": lambda x: x[:, :, [0, 2, 1, 4, 5]],
    "index_pairs": lambda x: x[:, [[0, 1], [2, 3]]].flatten(1, 2),
    "index_pairs_kept": lambda x: x[:, [[0, 1], [2, 3]]].relu().amax(1),
    "index_two": lambda x: x[:, [0, 1, 2], [1, 2, 3]].unsqueeze(1),
    "index_apart": lambda x: x[:, :, [0, 2, 1, 5], [1, 2, 3, 6]].unsqueeze(2),
    "index_points": lambda x: x[:, [0, 1, 2, 3], :, [1, 2, 3, 4]].permute(1, 0, 2).unsqueeze(1),
    "index_mask": lambda x: x[:, torch.tensor([True, False, True, True])],
    "index_select": lambda x: x.index_select(1, torch.tensor([1, 0, 3])),
    "index_select_rows": lambda x: x.index_select(2, torch.tensor([1, 0, 3, 5, 6])),
    "gather": lambda x: x.gather(3, torch.arange(x.shape[3] - 1, -1, -1).expand(x.shape)),
    "take_along": lambda x: x.take_along_dim(x.argsort(1), 1),
    "take_rows": lambda x: torch.take_along_dim(x, torch.arange(x.shape[2] - 1, -1, -1).view(1, 1, -1, 1), 2),
    "flip": lambda x: x.flip(2),
    "flip_both": lambda x: x.flip(2, 3),
    "flip_channels": lambda x: x.flip(1),
    "fliplr": lambda x: x + x.flip(-1),
    "roll": lambda x: x.roll(1, 2),
    "roll_both": lambda x: x.roll((1, -2), (2, 3)),
    "roll_channels": lambda x: x.roll(1, 1),
    "shift": lambda x: F.pad(x, (1, -1, -1, 1)),
    "shift_channels": moved_in,
    "roll_image": lambda x: x.flatten(1).roll(3, 1).view(x.shape),
    "rot90": lambda x: torch.rot90(x, 1, (2, 3)),
    "cat_channels": lambda x: torch.cat([x, x.relu()], 1),
    "cat_rows": lambda x: torch.cat([x, x.relu()], 2),
    "cat_columns": lambda x: torch.cat([x[..., :3], x], 3),
    "cat_flip": lambda x: torch.cat([x, x.flip(2)], 1),
    "stack": lambda x: torch.stack([x, 2 * x], 2).flatten(1, 2),
    "stack_rows": lambda x: torch.stack([x, 2 * x], 3).flatten(2, 3),
    "chunk": lambda x: torch.mul(*x.chunk(2, 1)),
    "chunk_rows": lambda x: torch.cat(x.chunk(2, 2)[::-1], 2),
    "split": lambda x: torch.cat(x.split([1, 2, 1], 1)[::-1], 1),
    "split_columns": lambda x: torch.cat([part.relu() for part in x.split(4, 3)], 3),
    "unbind_channels": lambda x: torch.stack([item * i for i, item in enumerate(x.unbind(1))], 1),
    "unbind_rows": lambda x: torch.stack(x.unbind(2)[::-1], 2),
    "narrow": lambda x: x.narrow(2, 1, 4),
    "unfold_axis": lambda x: x.unfold(2, 3, 2).amax(-1),
    "tensor_split": lambda x: torch.cat(x.tensor_split(3, 3)[::-1], 3),
    "hsplit": lambda x: x.hsplit([1])[1],
    "set_rows": lambda x: written(x, lambda y: y[:, :, ::2].mul_(0.5)),
    "set_corner": lambda x: written(x, lambda y: y[:, :, :3, :3].zero_()),
    "set_channel": lambda x: written(x, lambda y: y[:, 0].copy_(x[:, 1].flip(2))),
    "set_by_mask": lambda x: written(x, lambda y: y.__setitem__(x < 0, 0.0)),
    "set_border": lambda x: written(x, lambda y: y[..., 0].fill_(1.0)),
    "set_shifted": lambda x: written(x, lambda y: y[:, :, 1:].copy_(x[:, :, :-1])),
    "set_points": lambda x: written(
        x, lambda y: y.__setitem__((slice(None), slice(None), [1, 2], [3, 4]), 0.5)
    ),
    "add_into": lambda x: written(x, lambda y: y[:, :, 2:5].add_(x[:, :, :3])),
    "set_swapped": lambda x: written(
        x[..., :7, :7], lambda y: y[:, 0].copy_(x[:, 1, :7, :7].transpose(1, 2))
    ),
    "index_add": lambda x: x.index_add(2, torch.tensor([0, 2]), x[:, :, :2]),
    "scatter": lambda x: torch.zeros_like(x).scatter(
        3, torch.arange(x.shape[3] - 1, -1, -1).expand(x.shape), x
    ),
    "index_copy": lambda x: x.index_copy(1, torch.tensor([1]), x[:, :1]),
    "masked_scatter": lambda x: x * x.new_zeros(x.shape[2:]).index_fill(0, torch.tensor([0, 2]), 2.0),
    "tril": lambda x: x.tril(),
    "triu": lambda x: x.triu(1),
}
