"""What surrounds a computation and could change it: autocast, inference mode, the default device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor


@contextmanager
def plain(device: torch.device | str = "cpu") -> Iterator[None]:
    """No autocast and no inference mode; tensors that name no device are made on ``device``.

    It holds for this thread. Where nothing is set it costs microseconds.
    """
    device = torch.device(device)
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(mode=False))
        for kind in {"cpu", device.type} - {"meta"}:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != device.type:
            stack.enter_context(device)
        yield


def usable(x: Tensor) -> Tensor:
    """A tensor that autograd can follow: a copy of one that was made in inference mode."""
    return x.clone() if x.is_inference() and not torch.is_inference_mode_enabled() else x
