"""What the numerical libraries think of this processor; 1 where `make test-portable` has no effect."""

from __future__ import annotations

import sys

import numpy as np
import torch
from numpy._core._multiarray_umath import __cpu_dispatch__ as built
from numpy._core._multiarray_umath import __cpu_features__ as features
from threadpoolctl import threadpool_info


def main() -> int:
    """Print the vector units in use, and say which library still uses wide ones."""
    blas = {item["architecture"] for item in threadpool_info() if item["internal_api"] == "openblas"}
    wide = [name for name in built if features.get(name)]
    torch_uses = torch.backends.cpu.get_cpu_capability()
    print(f"torch {torch_uses}; OpenBLAS {', '.join(sorted(blas))}; numpy {np.__version__} {wide or 'SSE'}")
    return int(torch_uses != "DEFAULT" or bool(wide) or blas != {"Nehalem"})


if __name__ == "__main__":
    sys.exit(main())
