"""Linear layers, products of matrices, and whatever else is linear and has no other rule.

None takes parts of maps: changes go on as whole maps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from interpret.graph.operations.axes import SpatialAxes, lastwise, spatial
from interpret.graph.operations.operation import Linear, Operation
from interpret.graph.program.calls import CanonicalCall, Spelling
from interpret.graph.program.program import Node
from interpret.graph.topdown.whole_maps import Share, WholeMaps

TRANSFORMS = [f"fft_{way}{axes}" for way in ("fft", "ifft", "rfft", "irfft") for axes in ("", "2", "n")]
"""PyTorch's names of the Fourier transforms."""


def _top_down(maps: WholeMaps, node: Node, signal: Tensor) -> list[Share]:
    return [(node.operands[0], signal @ maps.fixed[node.arguments["weight"]])]


def _lettered(arguments: Mapping[str, Any], operand: Node, _traced: tuple[int, ...]) -> SpatialAxes:
    """The axes of an einsum whose letters are in its result, ``nchw,dc->ndhw``."""
    read, arrow, made = arguments["equation"].replace(" ", "").partition("->")
    names = [getattr(tensor, "name", None) for tensor in arguments["tensors"]]
    letters = read.split(",")[names.index(operand.name)]
    rows, columns = (letters[axis : axis + 1] for axis in spatial(operand))
    plain = arrow and "." not in read and letters.count(rows) == letters.count(columns) == 1
    return (made.index(rows), made.index(columns)) if plain and {rows, columns} <= set(made) else None


def _plain(spelling: Spelling) -> CanonicalCall | None:
    """The call, unless it multiplies what it writes, or values of the image with each other."""
    given = spelling.arguments
    first, second = (getattr(given.get(f"tensor{index}"), "varies", False) for index in (1, 2))
    multiplied = (first or spelling.name == "addcdiv") and second
    weighed = getattr(given.get("weight"), "varies", False)
    plain = not (multiplied or weighed or given.get("reduce"))
    return spelling.as_it_stands(spelling.name) if plain else None


def _named(linear: Linear, *names: str, sums: bool = False) -> Iterator[Operation]:
    """Operations of which only this is known."""
    for name in names:
        yield Operation(name, (name,), linear=linear, sums=sums)


OPERATIONS = (
    Operation(
        "linear",
        ("linear",),
        linear="first",
        weights=True,
        filters=True,
        sums=True,
        axes=lastwise,
        top_down=_top_down,
    ),
    Operation("matmul", ("mm", "matmul"), linear="either", sums=True),
    Operation("addmm", ("addmm",), linear="either"),
    Operation("einsum", ("einsum",), linear="either", sums=True, axes=_lettered),
    *_named("either", "bmm", "baddbmm", "tensordot", "inner", "outer", "kron", "linalg_cross", sums=True),
    *_named("first", "conv1d", "conv3d", "conv_transpose1d", "conv_transpose3d", sums=True),
    *_named("first", "avg_pool1d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool3d", sums=True),
    *_named("first", "cumsum", "diff", "trapezoid", "grid_sampler", "upsample_linear1d", sums=True),
    *_named("first", "upsample_trilinear3d", sums=True),
    *_named("first", "upsample_nearest1d", "upsample_nearest3d", "repeat_interleave", "tile"),
    *_named("first", "tril", "triu", "diagonal", "diag_embed", "rot90"),
    *_named("first", "view_as_real", "real", "imag", "deg2rad", "rad2deg"),
    *_named("first", *TRANSFORMS, sums=True),
    *_named("first", "fft_fftshift", "fft_ifftshift"),
    *_named("values", "masked_fill", "gather", "take_along_dim", "index_put", "index_copy"),
    *_named("values", "slice_scatter", "select_scatter", "fill"),
    *_named("values", "scatter_add", "index_add", sums=True),
    *(
        Operation(name, forms={name: _plain}, linear="values", sums=True)
        for name in ("scatter", "lerp", "addcmul", "addcdiv")
    ),
)
