"""What a step does where the memory does not suffice: it begins again with batches of half the size."""

from __future__ import annotations

from dataclasses import replace

import torch

from interpret.pipeline.steps import Step

ALLOCATOR = "can't allocate memory"
"""What torch says on a processor; it has a class for it on accelerators only."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that there is no more memory."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or ALLOCATOR in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def with_half_batch(step: Step) -> Step | None:
    """The step with half the batch; None where it has no batches, or none that can be cut."""
    size = batch_size_of(step)
    if size < 2:
        return None
    return replace(step, probe=step.probe.model_copy(update={"batch_size": size // 2}))


def batch_size_of(step: Step) -> int:
    """Images in one forward pass; 0 where the probe does not say."""
    size = getattr(step.probe, "batch_size", 0)
    return size if isinstance(size, int) else 0
