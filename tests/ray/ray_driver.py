"""A run by Ray in a process of its own, which says on stdout how far it is: PIPELINE OUT ADDRESS."""

import json
import sys

import torch

from interpret.progress import Progress
from interpret.run import run_pipeline
from interpret_ray import Ray


class Said(Progress):
    """Says the step of which something is done."""

    def advanced(self, step: str, parts: int) -> None:
        print(step, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    pipeline, out, address = sys.argv[1:]
    executor = Ray(workers=2, address=address, shared_disk=False)
    run_pipeline(json.loads(pipeline), out, executor=executor, progress=Said())
