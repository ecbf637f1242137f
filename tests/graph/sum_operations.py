"""Operations that take many positions together, as forwards use them; functions from maps to maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from value_operations import Operation, fixed, swapped


def unit(x: Tensor) -> Tensor:
    """Sampling points from -1 to 1, turned and moved a little, for `grid_sample`."""
    turn = torch.tensor([[0.8, 0.5, 0.1], [-0.4, 0.9, -0.2]], dtype=x.dtype)
    return F.affine_grid(turn.expand(len(x), 2, 3), list(x.shape), align_corners=False)


def attention(x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return x + F.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).reshape(x.shape)


REDUCTIONS: dict[str, Operation] = {
    "mean_channels": lambda x: x - x.mean(1, keepdim=True),
    "mean_rows": lambda x: x - x.mean(2, keepdim=True),
    "mean_image": lambda x: x + x.mean((2, 3), keepdim=True),
    "mean_all": lambda x: x + x.mean((1, 2, 3), keepdim=True),
    "sum_channels": lambda x: x.sum(1).unsqueeze(1),
    "amax_channels": lambda x: x.amax(1, keepdim=True),
    "max_rows": lambda x: x - x.max(2, keepdim=True).values,
    "min_channels": lambda x: x.min(1, keepdim=True)[0],
    "gate": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "rows_times_columns": lambda x: x.mean(3, keepdim=True) * x.mean(2, keepdim=True),
    "coordinate_attention": lambda x: (
        x
        * torch.cat([x.mean(3, keepdim=True), swapped(x.mean(2, keepdim=True))], 2).tanh()[:, :, : x.shape[2]]
    ),
    "rows_swapped": lambda x: x[..., :7, :7] + swapped(x[..., :7, :7].mean(3, keepdim=True)),
    "var": lambda x: x * x.var(1, keepdim=True),
    "std_rows": lambda x: x / (1 + x.std(2, keepdim=True)),
    "norm": lambda x: x / (1 + x.norm(dim=1, keepdim=True)),
    "normalize": lambda x: F.normalize(x, dim=1),
    "normalize_rows": lambda x: F.normalize(x, dim=2),
    "logsumexp": lambda x: x - x.logsumexp(1, keepdim=True),
    "softmax_channels": lambda x: x.softmax(1),
    "softmax_rows": lambda x: x.softmax(2),
    "softmax_columns": lambda x: x.softmax(3),
    "log_softmax": lambda x: x.log_softmax(1),
    "softmin": lambda x: F.softmin(x, 2),
    "glu": lambda x: F.glu(x, 1),
    "glu_rows": lambda x: F.glu(x[:, :, :8], 2) if x.shape[2] >= 8 else x,
    "cumsum_rows": lambda x: x.cumsum(2),
    "cumsum_channels": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(3),
    "cummax": lambda x: x.cummax(2).values,
    "cummin": lambda x: x.cummin(1).values,
    "logcumsumexp": lambda x: x.logcumsumexp(3),
    "integral": lambda x: x.cumsum(2).cumsum(3),
    "diff": lambda x: x.diff(dim=2),
    "gradient": lambda x: torch.gradient(x, dim=3)[0],
    "sort_rows": lambda x: x.sort(2).values,
    "sort_channels": lambda x: x.sort(1).values,
    "topk_channels": lambda x: x.topk(2, 1).values,
    "topk_rows": lambda x: x.topk(5, 2).values,
    "median": lambda x: x - x.median(1, keepdim=True).values,
    "kthvalue": lambda x: x.kthvalue(2, 3, keepdim=True).values + x,
    "prod": lambda x: x + x.prod(1, keepdim=True),
    "quantile": lambda x: x - x.quantile(0.3, 2, keepdim=True),
    "count": lambda x: x * x.count_nonzero(1).unsqueeze(1),
    "amax_image": lambda x: x - x.amax((2, 3), keepdim=True),
    "mean_of_all_dims": lambda x: x - x.flatten(1).mean(1)[:, None, None, None],
    "aminmax": lambda x: x - x.aminmax(dim=2, keepdim=True).min,
    "batch_norm": lambda x: F.batch_norm(
        x, fixed(x.shape[1]), fixed(x.shape[1]).abs() + 0.5, fixed(x.shape[1]), fixed(x.shape[1])
    ),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "layer_norm_columns": lambda x: F.layer_norm(x, x.shape[3:]),
    "layer_norm_channels": lambda x: F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2]).permute(0, 3, 1, 2),
    "group_norm": lambda x: F.group_norm(x, 2),
    "instance_norm": F.instance_norm,
    "lrn": lambda x: F.local_response_norm(x, 3, alpha=1.0),
    "rms_norm": lambda x: F.rms_norm(x, x.shape[3:]),
    "weight_norm": lambda x: F.conv2d(
        x, torch._weight_norm(fixed(4, x.shape[1], 3, 3), fixed(4, 1, 1, 1) + 2), padding=1
    ),
}

SAMPLERS: dict[str, Operation] = {
    "conv": lambda x: F.conv2d(x, fixed(4, x.shape[1], 3, 2), fixed(4), stride=(2, 1), padding=(1, 0)),
    "conv_dilated": lambda x: F.conv2d(x, fixed(4, x.shape[1], 3, 3), padding=2, dilation=2),
    "conv_groups": lambda x: F.conv2d(x, fixed(4, x.shape[1] // 2, 3, 3), groups=2),
    "depthwise": lambda x: F.conv2d(x, fixed(x.shape[1], 1, 3, 1), groups=x.shape[1], padding="same"),
    "conv_same": lambda x: F.conv2d(x, fixed(4, x.shape[1], 2, 4), padding="same"),
    "conv_transpose": lambda x: F.conv_transpose2d(x, fixed(x.shape[1], 4, 3, 3), stride=2, output_padding=1),
    "conv1d": lambda x: F.conv1d(x.flatten(2), fixed(4, x.shape[1], 3), padding=1).unflatten(
        2, tuple(x.shape[2:])
    ),
    "conv1d_rows": lambda x: F.conv1d(x.flatten(0, 1), fixed(x.shape[2], x.shape[2], 3), padding=1).view(
        x.shape
    ),
    "conv3d": lambda x: F.conv3d(x.unsqueeze(1), fixed(2, 1, 3, 3, 3), padding=1).flatten(1, 2),
    "dynamic_conv": lambda x: F.conv2d(
        x.flatten(0, 1).unsqueeze(0),
        x[:, :, :3, :3].flatten(0, 1).unsqueeze(1),
        groups=x.shape[0] * x.shape[1],
        padding=1,
    ).view(x.shape),
    "conv_swapped": lambda x: F.conv2d(swapped(x), fixed(4, x.shape[1], 3, 3)),
    "max_pool": lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    "max_pool_dilated": lambda x: F.max_pool2d(x, 2, 1, 1, dilation=2),
    "max_indices": lambda x: x + F.max_pool2d(x, 3, 1, 1, return_indices=True)[1] / 100,
    "unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x[..., :6, :6], 2, return_indices=True), 2),
    "avg_pool": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "avg_pool_ceil": lambda x: F.avg_pool2d(x, 2, 2, ceil_mode=True),
    "avg_pool_divisor": lambda x: F.avg_pool2d(x, 2, 1, divisor_override=3),
    "lp_pool": lambda x: F.lp_pool2d(x.abs() + 0.1, 2, 3, 2),
    "adaptive_avg": lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
    "adaptive_max": lambda x: F.adaptive_max_pool2d(x, (3, 4)),
    "adaptive_rows": lambda x: F.adaptive_avg_pool2d(x, (None, 1)) + x,
    "global": lambda x: F.adaptive_avg_pool2d(x, 1) * x,
    "max_pool1d": lambda x: F.max_pool1d(x.flatten(0, 1), 3, 1, 1).view(x.shape),
    "max_pool_swapped": lambda x: swapped(F.max_pool2d(swapped(x), (3, 1), (1, 1), (1, 0))),
    "min_pool": lambda x: -F.max_pool2d(-x, 3, 1),
    "blur": lambda x: F.conv2d(
        F.pad(x, (1, 1, 1, 1), mode="reflect"),
        fixed(1, 1, 3, 3).expand(x.shape[1], 1, 3, 3),
        groups=x.shape[1],
    ),
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=0.3),
    "pad_negative": lambda x: F.pad(x, (-1, 1, 2, -2)),
    "pad_channels": lambda x: F.pad(x, (0, 0, 0, 0, 1, 1)),
    "pad_reflect": lambda x: F.pad(x, (1, 2, 2, 1), mode="reflect"),
    "pad_replicate": lambda x: F.pad(x, (1, 2, 0, 1), mode="replicate"),
    "pad_circular": lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "nearest_size": lambda x: F.interpolate(x, size=(5, 13)),
    "nearest_scale": lambda x: F.interpolate(x, scale_factor=(1.45, 0.7)),
    "nearest_exact": lambda x: F.interpolate(x, scale_factor=1.5, mode="nearest-exact"),
    "bilinear": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "bilinear_corners": lambda x: F.interpolate(x, size=(7, 11), mode="bilinear", align_corners=True),
    "bicubic": lambda x: F.interpolate(x, scale_factor=1.5, mode="bicubic"),
    "area": lambda x: F.interpolate(x, size=(4, 5), mode="area"),
    "antialias": lambda x: F.interpolate(x, size=(5, 5), mode="bilinear", antialias=True),
    "grid_sample": lambda x: F.grid_sample(x, unit(x), align_corners=False),
    "grid_nearest": lambda x: F.grid_sample(
        x, unit(x), mode="nearest", align_corners=False, padding_mode="border"
    ),
    "warp_by_itself": lambda x: F.grid_sample(
        x, unit(x) + 0.1 * x[:, :2].permute(0, 2, 3, 1), align_corners=False
    ),
    "unfold": lambda x: F.unfold(x, 3, padding=1).unflatten(2, tuple(x.shape[2:])),
    "fold": lambda x: F.fold(F.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1),
    "einsum_channels": lambda x: torch.einsum("nchw,dc->ndhw", x, fixed(4, x.shape[1])),
    "einsum_rows": lambda x: torch.einsum("nchw,hk->nckw", x, fixed(x.shape[2], x.shape[2])),
    "einsum_swap": lambda x: torch.einsum("nchw->ncwh", x),
    "matmul_columns": lambda x: x @ fixed(x.shape[3], x.shape[3]),
    "matmul_rows": lambda x: fixed(x.shape[2], x.shape[2]) @ x,
    "matmul_itself": lambda x: x @ swapped(x),
    "bmm": lambda x: torch.bmm(x.flatten(0, 1), x.flatten(0, 1).transpose(1, 2)).view(
        len(x), x.shape[1], x.shape[2], x.shape[2]
    ),
    "tensordot": lambda x: torch.tensordot(x, fixed(x.shape[1], 4), ([1], [0])).permute(0, 3, 1, 2),
    "linear_columns": lambda x: F.linear(x, fixed(x.shape[3], x.shape[3]), fixed(x.shape[3])),
    "linear_channels": lambda x: F.linear(x.transpose(1, 3), fixed(4, x.shape[1])).transpose(1, 3),
    "attention": attention,
    "gram": lambda x: (
        x
        + (x.flatten(2) @ x.flatten(2).transpose(1, 2))
        .unsqueeze(1)[..., : x.shape[2], : x.shape[3]]
        .mean((2, 3), keepdim=True)
    ),
    "fft": lambda x: torch.fft.rfft2(x).abs(),
    "fft_filter": lambda x: torch.fft.ifft(torch.fft.fft(x, dim=3) * fixed(x.shape[3]), dim=3).real,
    "cross": lambda x: torch.linalg.cross(x[:, :3], x[:, :3].roll(1, 1), dim=1),
    "cosine": lambda x: x * F.cosine_similarity(x, x.flip(2), dim=1).unsqueeze(1),
    "cdist": lambda x: torch.cdist(x, x.flip(2)),
    "cov": lambda x: x - x.mean((2, 3), keepdim=True) / (x.var((2, 3), keepdim=True) + 1).sqrt(),
    "kron": lambda x: x * x.new_tensor([1.0, -1.0]).repeat((x.shape[3] + 1) // 2)[: x.shape[3]],
    "squeeze_excite": lambda x: (
        x * F.hardsigmoid(F.conv2d(F.adaptive_avg_pool2d(x, 1), fixed(x.shape[1], x.shape[1], 1, 1)))
    ),
}
