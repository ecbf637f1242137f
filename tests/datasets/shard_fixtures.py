"""Pictures, and the tar shards and tables that real libraries write of them."""

import io
import tarfile

import numpy as np
from PIL import Image


def picture(index, size=(9, 7)):
    content = np.random.default_rng(index).integers(0, 256, (*size, 3), np.uint8)
    content[0, 0] = index % 256
    return Image.fromarray(content)


def png(index):
    file = io.BytesIO()
    picture(index).save(file, "png")
    return file.getvalue()


def members(count, first=0, label=lambda index: str(index % 3)):
    for index in range(first, first + count):
        yield f"{index:05d}.png", png(index)
        yield f"{index:05d}.cls", label(index).encode()


def write_tar(path, pairs, mode="w"):
    """A tar file of names and contents, by Python's own writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, content in pairs:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def first_values(images):
    return [int(np.asarray(sample.image).flat[0]) for sample in images]
