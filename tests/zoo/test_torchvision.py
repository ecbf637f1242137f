"""torchvision's networks: by name, with files as people have them, with what is known of their weights."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import models
from torchvision.transforms._presets import ImageClassification

import interpret
from interpret.errors import InterpretError, ModelError, PluginError, UnknownNameError
from interpret_zoo.torchvision import Torchvision, download, hash_in_name

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
SMALL = "squeezenet1_1"


def load(arch=SMALL, **parameters):
    return interpret.load_model("torchvision", arch=arch, device="cpu", **parameters)


def saved(folder, name="net.pth", arch=SMALL, **arguments):
    """A file of random weights, and the state dict in it."""
    state = models.get_model(arch, weights=None, **arguments).state_dict()
    torch.save(state, folder / name)
    return folder / name, state


def test_without_weights_it_is_torchvisions_own_initialisation():
    network = load()
    torch.manual_seed(0)
    expected = models.squeezenet1_1().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in network.module.state_dict().items())
    assert network.input.size == (224, 224)
    assert network.input.mean == (0.485, 0.456, 0.406)
    assert network.categories == ()


def test_a_file_of_weights_loads_and_1000_outputs_are_imagenets(tmp_path):
    path, state = saved(tmp_path)
    network = load(weights=str(path))
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.module.state_dict().items())
    assert network.categories[:2] == ("tench", "goldfish")
    assert len(network.categories) == 1000


def test_metadata_is_honoured_and_parameters_stand_above_it(tmp_path):
    path = tmp_path / "net.safetensors"
    names = ["cat", "dog"]
    said = {"input_size": "64,96", "mean_rgb": "0.1,0.2,0.3", "std_rgb": "1,1,1", "resize": "100"}
    _, state = saved(tmp_path, num_classes=2)
    save_file(state, path, metadata=said | {"categories": json.dumps(names)})
    network = load(weights=str(path))
    assert network.input == interpret.InputSpec((64, 96), (0.1, 0.2, 0.3), (1.0, 1.0, 1.0), 100)
    assert network.categories == ("cat", "dog")
    network = load(weights=str(path), input_size=80, mean=[0, 0, 0], std=[2, 2, 2], categories=["a", "b"])
    assert network.input == interpret.InputSpec((80, 80), (0.0, 0.0, 0.0), (2.0, 2.0, 2.0), None)
    assert network.categories == ("a", "b")


def test_a_mean_from_0_to_255_in_metadata_is_refused(tmp_path):
    _, state = saved(tmp_path)
    save_file(state, tmp_path / "net.safetensors", metadata={"mean": "123,117,104", "std": "1,1,1"})
    with pytest.raises(ModelError, match="divide by 255"):
        load(weights=str(tmp_path / "net.safetensors"))


@pytest.mark.parametrize(
    "said",
    [
        {"mean": "imagenet"},
        {"mean": "1e400"},
        {"std": "nan,1,1"},
        {"std": "0,1,1"},
        {"input_size": "large"},
        {"input_size": "1e400"},
        {"input_size": "-1"},
        {"input_size": "1e9"},
        {"input_size": "224.5"},
        {"resize": "0"},
        {"categories": "cat"},
        {"categories": '"cat"'},
        {"categories": "[1e400]"},
        {"categories": "[[]]"},
        {"categories": "[" * 100_000},
    ],
    ids=lambda said: str(said)[:30],
)
def test_metadata_that_cannot_be_read_is_refused(tmp_path, said):
    _, state = saved(tmp_path)
    save_file(state, tmp_path / "net.safetensors", metadata=said)
    with pytest.raises(ModelError, match="metadata"):
        load(weights=str(tmp_path / "net.safetensors"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("names.txt", "cat\n\ndog\n"),
        ("names.json", '["cat", "dog"]'),
        ("index.json", '{"1": "dog", "0": "cat"}'),
        ("imagenet.json", '{"0": ["n01", "cat"], "1": ["n02", "dog"]}'),
    ],
)
def test_categories_from_a_file(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert load(categories=str(tmp_path / name)).categories == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "{"),
        ("b.json", "[1, 2]"),
        ("c.json", '{"5": "cat"}'),
        ("d.txt", "\n"),
        ("e.json", "[" * 100_000),
        ("f.json", "[[]]"),
        ("g.json", "7"),
    ],
    ids=lambda value: value[:8],
)
def test_category_files_that_hold_none_are_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(ModelError, match=name):
        load(categories=str(tmp_path / name))


def test_categories_are_read_from_small_regular_files_only(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    for path, said in {tmp_path / "pipe.txt": "named pipe", "/dev/zero": "device"}.items():
        with pytest.raises(ModelError, match=said):
            load(categories=str(path))
    with pytest.raises(InterpretError, match="no home folder"):
        load(categories="~nobody-of-this-name/names.txt")


def test_photographs_are_scaled_as_each_of_torchvisions_weights_states():
    noise = np.random.default_rng(0).integers(0, 256, (52, 61, 3), dtype=np.uint8)
    photograph, seen = Image.fromarray(noise).resize((611, 520)), {}
    for arch in models.list_models(module=models):
        for published in models.get_model_weights(arch):
            transforms = published.transforms()
            assert isinstance(transforms, ImageClassification)
            spec = Torchvision(arch=arch, weights=published.name).card().input
            seen.setdefault((spec, repr(transforms)), (spec, transforms))
    assert {spec.interpolation for spec, _ in seen.values()} == {"bilinear", "bicubic"}
    for spec, transforms in seen.values():
        assert torch.allclose(spec.preprocess(photograph), transforms(photograph), rtol=0, atol=1e-6)


def test_interpolation_is_given_or_stated_by_the_file(tmp_path):
    _, state = saved(tmp_path)
    save_file(state, tmp_path / "net.safetensors", metadata={"interpolation": "lanczos"})
    given = {"weights": str(tmp_path / "net.safetensors")}
    assert Torchvision(arch=SMALL, **given).card().input.interpolation == "lanczos"
    assert Torchvision(arch=SMALL, **given, interpolation="box").card().input.interpolation == "box"
    assert interpret.wrap(torch.nn.Flatten(), interpolation="bicubic").input.interpolation == "bicubic"
    save_file(state, tmp_path / "net.safetensors", metadata={"interpolation": "cubic"})
    with pytest.raises(ModelError, match="'cubic' is none of nearest"):
        Torchvision(arch=SMALL, **given).card()


def test_number_of_categories():
    assert load(categories=7)(torch.zeros(1, 3, 224, 224)).shape == (1, 7)


def test_inception_takes_299_pixels_and_auxiliary_heads_are_left_out(tmp_path):
    model = Torchvision(arch="inception_v3")
    assert model.card().input.size == (299, 299)
    path, _ = saved(tmp_path, arch="inception_v3", init_weights=False)
    network = load("inception_v3", weights=str(path))
    assert not any(name.startswith("AuxLogits") for name, _ in network.module.named_modules())


def test_torchvisions_own_weights_are_known_without_loading_them():
    names = ["IMAGENET1K_V2", "ResNet50_Weights.IMAGENET1K_V2", "DEFAULT", "somewhere/resnet50-11ad3fa6.pth"]
    for name in names:
        card = Torchvision(arch="resnet50", weights=name).card()
        assert (card.input.size, card.input.resize) == ((224, 224), 232)
        assert len(card.categories) == 1000
    model = Torchvision(arch="efficientnet_b3", weights="IMAGENET1K_V1")
    assert model.card().input.size == (300, 300)


def test_a_file_torchvision_published_is_checked_by_the_hash_in_its_name(tmp_path):
    path, _ = saved(tmp_path, "squeezenet1_1-b8a52dc0.pth")
    with pytest.raises(ModelError, match="not the expected file"):
        load(weights=str(path))


def test_a_published_file_that_is_not_there_is_not_downloaded_instead(tmp_path):
    with pytest.raises(ModelError, match="no weights file"):
        load(weights=str(tmp_path / "squeezenet1_1-b8a52dc0.pth"))


def test_a_download_by_name_fails_clearly_without_a_connection(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: nothing answers
    with pytest.raises(ModelError, match=r"squeezenet1_1-b8a52dc0\.pth cannot be downloaded"):
        load(weights="IMAGENET1K_V1")


def test_hashes_in_all_of_torchvisions_names():
    urls = [item.url for arch in models.list_models(module=models) for item in models.get_model_weights(arch)]
    assert len(urls) > 80
    assert all(len(hash_in_name(url)) >= 8 for url in urls)


def test_names_of_old_densenet_files(tmp_path):
    path, state = saved(tmp_path, arch="densenet121")
    old = {name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): t for name, t in state.items()}
    torch.save(old, path)
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    network = load("densenet121", weights=str(path))
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.module.state_dict().items())


def test_vision_transformers_are_built_for_their_input_size():
    with torch.device("meta"):
        module = Torchvision(arch="vit_b_32", input_size=64, categories=3).build()
        assert module.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


FAMILIES = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "maxvit_t",
    "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18",
    "shufflenet_v2_x0_5", "swin_t", "vgg11_bn", "vit_b_32",
]  # fmt: skip


@pytest.mark.parametrize(
    "arch",
    [
        pytest.param(arch, marks=[] if arch in FAMILIES else pytest.mark.slow)
        for arch in models.list_models(module=models)
        if arch in FAMILIES or not arch.startswith("regnet")  # these need real memory for real numbers
    ],
)
def test_every_network_can_be_built(arch):
    with torch.device("cpu" if arch.startswith("regnet") else "meta"):
        module = Torchvision(arch=arch, categories=10).build()
    assert sum(parameter.numel() for parameter in module.parameters()) > 100_000


def test_a_download_keeps_what_it_fetched(tmp_path):
    source, _ = saved(tmp_path)
    path = download(source.as_uri(), tmp_path / "cache")
    assert path.read_bytes() == source.read_bytes()
    source.unlink()
    assert download(source.as_uri(), tmp_path / "cache") == path


def test_a_download_that_fails_says_what_to_do(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be downloaded: .* give its path as 'weights'"):
        download((tmp_path / "gone.pth").as_uri(), tmp_path / "cache")
    source, _ = saved(tmp_path, "net-00000000.pth")
    with pytest.raises(ModelError, match="invalid hash"):
        download(source.as_uri(), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_wrong_parameters_are_explained(tmp_path):
    with pytest.raises(PluginError, match="Did you mean 'resnet50'"):
        load("resnet_50")
    with pytest.raises(UnknownNameError, match="IMAGENET1K_V1"):
        load(weights="IMAGENET1K_V9")
    with pytest.raises(ModelError, match="has a name like it"):
        load(weights=str(tmp_path / "net.pth"))
    with pytest.raises(ModelError, match="cannot build squeezenet1_1"):
        load(arguments={"depth": 3})
    with pytest.raises(PluginError, match="'mean' has 3 channels and 'std' has 1"):
        load(mean=[0, 0, 0], std=[1])
    with pytest.raises(PluginError, match=r"divide by 255: mean=\(0.4824"):
        load(mean=[123, 117, 104])
    with pytest.raises(PluginError, match=r"std is .58.0, .*divide by 255"):
        load(std=[58, 57, 57])
    with pytest.raises(PluginError, match="must be 1 to 4,096 pixels"):
        load(input_size=0)
    path, _ = saved(tmp_path, arch="squeezenet1_0")
    with pytest.raises(ModelError, match="do not fit SqueezeNet"):
        load(weights=str(path))


PHOTOGRAPHS = sorted((DATA / "imagenet-sample").glob("*.jpg"))[::20]


def by_hand(arch, file):
    """Logits of torchvision's own module on torchvision's own transforms, as the data's README says."""
    module = models.get_model(arch, weights=None)
    module.load_state_dict({name: tensor.float() for name, tensor in load_file(file).items()})
    mean, std = [123 / 255, 117 / 255, 104 / 255], [1 / 255] * 3
    prepare = ImageClassification(crop_size=227, resize_size=round(227 * 256 / 224), mean=mean, std=std)
    x = torch.stack([prepare(Image.open(path).convert("RGB")) for path in PHOTOGRAPHS])
    with torch.no_grad():
        return module.eval()(x)


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the real data of ../shared are not here")
@pytest.mark.parametrize("arch", [SMALL, pytest.param("squeezenet1_0", marks=pytest.mark.slow)])
def test_real_weights_see_what_is_in_photographs(arch):
    file = DATA / "weights" / f"{arch}-imagenet.safetensors"
    network = load(arch, weights=str(file))
    assert network.input.size == (227, 227)
    assert network.input.mean == pytest.approx((123 / 255, 117 / 255, 104 / 255))
    assert network.input.std == pytest.approx((1 / 255, 1 / 255, 1 / 255), rel=1e-4)
    logits = network(torch.stack([network.preprocess(path) for path in PHOTOGRAPHS]))
    torch.testing.assert_close(
        logits, by_hand(arch, file), rtol=1e-3, atol=1e-3
    )  # 1/255 is rounded in the file
    truth = torch.tensor([int(path.name[:3]) for path in PHOTOGRAPHS])
    assert (
        logits.argmax(1) == truth
    ).float().mean() > 0.4  # chance is 0.001, their README measures 0.54 to 0.58
