"""Numbers that tell attributions apart: pure functions on tensors, one file for each question.

Agreement: do two probes say the same? Faithfulness: does the network use what the map marks? Localisation: is
the map on the object? Sanity: does it depend on what the network learned? Cost: what does it take?
"""

from interpret_captum.metrics.agreement import (
    largest_difference,
    overlap,
    pixel_maps,
    rank_correlation,
    relative_l2,
    structural_similarity,
    unit_scale,
)
from interpret_captum.metrics.cost import Cost, interleaved, measure
from interpret_captum.metrics.faithfulness import (
    area,
    grey,
    infidelity,
    random_squares,
    replacement_curve,
    sensitivity,
)
from interpret_captum.metrics.localisation import energy_inside, object_mask, pointing_game
from interpret_captum.metrics.sanity import cascade, count_stages, parameter_layers, randomise
from interpret_captum.metrics.windows import blur, gaussian_window

__all__ = [
    "Cost",
    "area",
    "blur",
    "cascade",
    "count_stages",
    "energy_inside",
    "gaussian_window",
    "grey",
    "infidelity",
    "interleaved",
    "largest_difference",
    "measure",
    "object_mask",
    "overlap",
    "parameter_layers",
    "pixel_maps",
    "pointing_game",
    "random_squares",
    "randomise",
    "rank_correlation",
    "relative_l2",
    "replacement_curve",
    "sensitivity",
    "structural_similarity",
    "unit_scale",
]
