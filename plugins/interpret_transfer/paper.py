"""What the paper reports of transfer, in percent: its Tables 4 to 7, and what is known of Figure 9.

The numbers are as printed, with their contradictions. Table 7's softmax on layer 7 (85.4 and 72.6) is
nominally the network of Tables 4 and 5 (86.5 and 74.2). The text says 2.2 % better than Bo et al. where the
table says 5.1; 2.2 is the distance to Jianchao et al. It says that all layers together are best; on
Caltech-101 the SVM on layer 5 (86.2) beats that on layer 7 (85.5). In Table 6 cow and dining table have the
same numbers for both other methods, and their printed means, 74.3 and 82.2, are not those of the columns,
74.03 and 82.33.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Literal

__all__ = [
    "CATEGORIES",
    "FEW",
    "LAYERS",
    "LAYERS_SIZE",
    "METHODS",
    "METHODS_TABLE",
    "PRETRAINED",
    "PaperData",
    "Reported",
]

PaperData = Literal["caltech101", "caltech256", "voc2012"]
"""The data sets that the paper reports transfer to."""


PRETRAINED, SCRATCH = "convnet, pretrained", "convnet, not pretrained"
"""The paper's own network, trained on ImageNet first, or on the data set alone."""


@dataclass(frozen=True)
class Reported:
    """A number of the paper.

    Attributes:
        mean: Accuracy or average precision in percent.
        spread: What stands after its plus-minus sign, over five folds; NaN where nothing does.
    """

    mean: float
    spread: float = nan


METHODS: Mapping[PaperData, Mapping[str, Mapping[int, Reported]]] = {
    "caltech101": {
        "Bo et al.": {30: Reported(81.4, 0.33)},
        "Jianchao et al.": {15: Reported(73.2), 30: Reported(84.3)},
        SCRATCH: {15: Reported(22.8, 1.5), 30: Reported(46.5, 1.7)},
        PRETRAINED: {15: Reported(83.8, 0.5), 30: Reported(86.5, 0.5)},
    },
    "caltech256": {
        "Sohn et al.": {15: Reported(35.1), 30: Reported(42.1), 45: Reported(45.7), 60: Reported(47.9)},
        "Bo et al.": {
            15: Reported(40.5, 0.4), 30: Reported(48.0, 0.2),
            45: Reported(51.9, 0.2), 60: Reported(55.2, 0.3),
        },
        SCRATCH: {
            15: Reported(9.0, 1.4), 30: Reported(22.5, 0.7),
            45: Reported(31.2, 0.5), 60: Reported(38.8, 1.4),
        },
        PRETRAINED: {
            15: Reported(65.7, 0.2), 30: Reported(70.6, 0.2),
            45: Reported(72.7, 0.4), 60: Reported(74.2, 0.3),
        },
    },
    "voc2012": {
        "Sande et al.": {11540: Reported(74.3)},
        "Yan et al.": {11540: Reported(82.2)},
        PRETRAINED: {11540: Reported(79.0)},
    },
}  # fmt: skip
"""Tables 4, 5 and 6 (the printed means): each method by its training images.

These are of each category on Caltech, up to 50 a category to test on Caltech-101; on VOC 2012 all of the
challenge's part ``trainval``, tested on a part whose labels were never published.
"""

METHODS_TABLE: Mapping[PaperData, int] = {"caltech101": 4, "caltech256": 5, "voc2012": 6}
"""The table that `METHODS` come from."""

LAYERS_SIZE: Mapping[PaperData, int] = {"caltech101": 30, "caltech256": 60}
"""Training images of each category in Table 7."""

LAYERS: Mapping[PaperData, Mapping[tuple[str, str], Reported]] = {
    "caltech101": {
        ("layer1", "svm"): Reported(44.8, 0.7),
        ("layer2", "svm"): Reported(66.2, 0.5),
        ("layer3", "svm"): Reported(72.3, 0.4),
        ("layer4", "svm"): Reported(76.6, 0.4),
        ("layer5", "svm"): Reported(86.2, 0.8),
        ("layer7", "svm"): Reported(85.5, 0.4),
        ("layer5", "softmax"): Reported(82.9, 0.4),
        ("layer7", "softmax"): Reported(85.4, 0.4),
    },
    "caltech256": {
        ("layer1", "svm"): Reported(24.6, 0.4),
        ("layer2", "svm"): Reported(39.6, 0.3),
        ("layer3", "svm"): Reported(46.0, 0.3),
        ("layer4", "svm"): Reported(51.3, 0.1),
        ("layer5", "svm"): Reported(65.6, 0.3),
        ("layer7", "svm"): Reported(71.7, 0.2),
        ("layer5", "softmax"): Reported(65.7, 0.5),
        ("layer7", "softmax"): Reported(72.6, 0.1),
    },
}
"""Table 7: layers of the pretrained network by the paper's names, and classifiers."""

CATEGORIES: Mapping[PaperData, Mapping[str, Mapping[str, float]]] = {
    "voc2012": {
        "Sande et al.": {
            "aeroplane": 92.0, "bicycle": 74.2, "bird": 73.0, "boat": 77.5, "bottle": 54.3, "bus": 85.2,
            "car": 81.9, "cat": 76.4, "chair": 65.2, "cow": 63.2, "diningtable": 63.2, "dog": 68.9,
            "horse": 78.2, "motorbike": 81.0, "person": 91.6, "pottedplant": 55.9, "sheep": 69.4,
            "sofa": 65.4, "train": 86.7, "tvmonitor": 77.4,
        },
        "Yan et al.": {
            "aeroplane": 97.3, "bicycle": 84.2, "bird": 80.8, "boat": 85.3, "bottle": 60.8, "bus": 89.9,
            "car": 86.8, "cat": 89.3, "chair": 75.4, "cow": 77.8, "diningtable": 77.8, "dog": 83.0,
            "horse": 87.5, "motorbike": 90.1, "person": 95.0, "pottedplant": 57.8, "sheep": 79.2,
            "sofa": 73.4, "train": 94.5, "tvmonitor": 80.7,
        },
        PRETRAINED: {
            "aeroplane": 96.0, "bicycle": 77.1, "bird": 88.4, "boat": 85.5, "bottle": 55.8, "bus": 85.8,
            "car": 78.6, "cat": 91.2, "chair": 65.0, "cow": 74.4, "diningtable": 67.7, "dog": 87.8,
            "horse": 86.0, "motorbike": 85.1, "person": 90.9, "pottedplant": 52.2, "sheep": 83.6,
            "sofa": 61.1, "train": 91.8, "tvmonitor": 76.1,
        },
    },
}  # fmt: skip
"""Table 6: what each method reaches in each category, by VOC's names."""

FEW: Mapping[PaperData, tuple[int, str]] = {"caltech256": (6, "Bo et al.")}
"""Figure 9's claim: so many images of each category beat what that method reaches with the most.

Its curves are drawn, not printed: at the sizes of Table 5 they are that table's numbers.
"""
