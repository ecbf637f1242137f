"""A small step of every probe that does long work."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

import interpret

IMAGES = {"name": "scenes", "split": "val", "limit": 24, "size": 64}
NET = {"name": "zfnet", "width": 0.0625, "input_size": 64, "categories": 10}
LAYERS = ["layer1", "layer2"]
FEW = [0, 1, 2, 3]
MINED = {"probe": "topk", "layers": LAYERS, "k": 2, "batch_size": 4}
SIDE_BY_SIDE = [
    {"probe": "project", "batch_size": 1},
    {"probe": "captum.deconvolution", "batch_size": 1},
    {"probe": "occlusion", "window": 32, "stride": 32, "engine": "full", "batch_size": 1},
    {"probe": "occlusion", "window": 16, "stride": 16},
]
MINERS = [{"probe": name, "layers": LAYERS, "batch_size": 1} for name in ("topk", "captum.layer_activation")]

ASKED: dict[str, dict[str, Any]] = {
    "topk": MINED,
    "deconv": {"inputs": {"exemplars": "mined"}, "batch_size": 4},
    "project": {"batch_size": 4},
    "occlusion": {"images": FEW, "window": 16, "stride": 16},
    "invariance": {"images": FEW, "steps": 3},
    "correspondence": {"parts": ["eye"], "random": 6, "permutations": 10, "batch_size": 4},
    "diagnosis": {"mined": 16, "moved": 10, "batch_size": 4, "units": 8},
    "captum.saliency": {"batch_size": 4},
    "captum.noise_tunnel": {"samples": 2, "batch_size": 4},
    "rise": {"masks": 8},
    "captum.layer_activation": {"layers": LAYERS, "k": 2, "batch_size": 4},
    "captum.layer_features": {"layers": LAYERS, "batch_size": 4},
    "captum.neuron_deconvolution": {"inputs": {"exemplars": "mined"}, "batch_size": 8, "ranks": 1},
    "captum.neuron_guided_backprop": {"inputs": {"exemplars": "mined"}, "batch_size": 8, "ranks": 1},
    "layer_features": {"layers": LAYERS, "batch_size": 4},
    "compare": {
        "images": FEW[:2],
        "metrics": ["agreement", "faithfulness", "sensitivity", "localisation", "sanity"],
        "steps": 2,
        "samples": 2,
        "stages": 1,
        "probes": SIDE_BY_SIDE,
    },
    "compare mining": {"probe": "compare", "images": FEW, "metrics": ["agreement"], "probes": MINERS},
    "evaluate": {"batch_size": 4},
    "overlap": {"others": {**IMAGES, "limit": 12}},
    "evolution": {"layers": LAYERS, "units": 4, "batch_size": 4},
    "transfer": {"layers": LAYERS, "train": [1], "test": 1, "folds": 3, "strengths": [1.0]},
}


def save_checkpoints(folder: Path) -> Path:
    """Two states of the network."""
    for epoch in (1, 2):
        state = interpret.load_model(**NET).module.state_dict()
        torch.manual_seed(epoch)
        noisy = {name: value + 0.05 * torch.randn_like(value) for name, value in state.items()}
        save_file(noisy, folder / f"epoch-{epoch}.safetensors")
    return folder


def asked_pipeline(name: str, checkpoints: Path) -> dict[str, Any]:
    """A pipeline whose step ``asked`` asks with a probe."""
    step = {"probe": name, **ASKED[name]}
    if name == "evolution":
        step["checkpoints"] = str(checkpoints)
    steps = {"mined": MINED, "asked": step} if "inputs" in step else {"asked": step}
    return {"version": 1, "models": {"net": NET}, "datasets": {"drawn": IMAGES}, "steps": steps}
