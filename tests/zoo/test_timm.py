"""timm's networks by name, with their own input, weights and categories; compared with timm itself."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import interpret
from interpret.cli.shell import call
from interpret.errors import ModelError, PluginError, UnknownNameError
from interpret_zoo import Timm
from interpret_zoo.timm_configs import category_names, input_stated, stage_aliases

SMALL = "test_vit"


def load(arch=SMALL, **parameters):
    return interpret.load_model("timm", arch=arch, device="cpu", **parameters)


def made(arch=SMALL, **arguments):
    """timm's own, with the random numbers that `load` starts from."""
    torch.manual_seed(0)
    return timm.create_model(arch, **arguments).eval()


def same(network, module):
    ours, theirs = network.module.state_dict(), module.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def photograph(width=200, height=131):
    rough = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    "arch", ["test_vit", "test_resnet", "test_convnext", "test_efficientnet", "test_byobnet"]
)
def test_a_name_gives_timms_own_network(arch):
    network, expected = load(arch), made(arch)
    assert same(network, expected)
    assert not network.module.training
    x = torch.randn(2, *network.input.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(network(x), expected(x), atol=1e-6)
    assert network.categories == ()  # nothing was learned


@pytest.mark.parametrize(
    ("arch", "size"),
    [
        ("test_vit.r160_in1k", None),  # crop_pct 0.95
        ("convnext_base.fb_in22k_ft_in1k_384", None),  # squash, crop_pct 1
        ("coatnet_rmlp_2_rw_384.sw_in12k_ft_in1k", 224),
        ("resnet50.tv_in1k", None),  # bilinear
        ("efficientnet_b1.ra4_e3600_r240_in1k", None),
        ("vit_base_patch16_clip_224.openai", None),  # its own mean
        ("vit_base_patch16_sapiens2.fb", None),  # higher than wide
    ],
)
@pytest.mark.parametrize("shape", [(200, 131), (99, 240)])
def test_photographs_become_what_timms_own_transform_makes_of_them(arch, size, shape):
    model = Timm(arch=arch, input_size=size)
    config = timm.data.resolve_data_config({}, pretrained_cfg=timm.get_pretrained_cfg(arch).to_dict())
    if size:
        config["input_size"] = (3, size, size)
    expected = timm.data.create_transform(**config)(photograph(*shape))
    found = model.card().input.preprocess(photograph(*shape))
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("said", "told"),
    [({"crop_mode": "border"}, "crop_mode: border"), ({"crop_pct": 1.15}, "crop_pct: 1.15"), ({}, "")],
)
def test_where_timm_pads_with_black_it_is_told(tmp_path, caplog, said, told):
    module = timm.create_model("test_resnet", num_classes=3)
    timm.models.save_for_hf(module, tmp_path, model_config={"num_classes": 3})
    config = json.loads((tmp_path / "config.json").read_text())
    config["pretrained_cfg"] |= said
    (tmp_path / "config.json").write_text(json.dumps(config))
    network = interpret.load_model(f"timm:local-dir:{tmp_path}", device="cpu")
    assert (told in caplog.text) if told else not caplog.records
    transform = timm.data.create_transform(
        **timm.data.resolve_data_config({}, pretrained_cfg=config["pretrained_cfg"])
    )
    apart = (transform(photograph(400, 300)) - network.preprocess(photograph(400, 300))).abs().max()
    assert (apart > 0.1) == bool(told)  # what is told is so


def test_what_is_given_stands_above_timms_configuration():
    card = Timm(arch=SMALL, mean=[0, 0, 0], std=[1, 1, 1], interpolation="bilinear", resize=170).card()
    assert card.input == interpret.InputSpec((160, 160), (0.0,) * 3, (1.0,) * 3, 170, "bilinear")
    assert Timm(arch="convnext_base.fb_in22k_ft_in1k_384", squash=False).card().input.squash is False


@pytest.mark.parametrize(
    "parameters",
    [{"mean": [0.5], "std": [0.5]}, {"arguments": {"in_chans": 1}}, {"mean": [0.5] * 5, "std": [1] * 5}],
)
def test_networks_have_as_many_channels_as_are_asked_for(parameters):
    network = load("test_resnet", **parameters)
    channels = len(network.input.mean)
    assert channels in {1, 5}
    assert network(torch.zeros(1, *network.input.shape)).shape == (1, 1000)
    assert network.module.conv1[0].in_channels == channels


@pytest.mark.parametrize("parameters", [{"input_size": 96}, {"arguments": {"img_size": 96}}])
def test_a_network_of_one_size_is_built_for_the_size_that_is_asked_for(parameters):
    network = load(**parameters)
    assert network.input.size == (96, 96)
    assert same(network, made(img_size=96))
    assert network(torch.zeros(1, 3, 96, 96)).shape == (1, 1000)


def test_stages_are_those_of_timms_features():
    network = load("test_resnet")
    features = timm.create_model("test_resnet", features_only=True).eval()
    features.load_state_dict(network.module.state_dict(), strict=False)
    x = torch.randn(1, *network.input.shape, generator=torch.Generator().manual_seed(0))
    stages = list(network.aliases)
    found = network.record(x, stages)
    assert stages == ["stage0", "stage1", "stage2", "stage3", "stage4"]
    with torch.no_grad():
        for name, expected in zip(stages, features(x), strict=True):
            assert torch.allclose(found[name], expected, atol=1e-5)


def test_a_stage_takes_no_name_that_the_network_has():
    with torch.device("meta"):
        assert stage_aliases(timm.create_model("hrnet_w18_small")) == {}  # its own are stage1 to stage4
        assert stage_aliases(timm.create_model("coat_tiny")) == {
            "stage0": "serial_blocks1",
            "stage1": "parallel_blocks",
        }
    assert stage_aliases(torch.nn.Linear(1, 1)) == {}


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_file_of_weights_loads_and_1000_outputs_are_imagenets(tmp_path, suffix):
    module = timm.create_model(SMALL)
    path = tmp_path / f"net.{suffix}"
    if suffix == "pth":
        torch.save({"state_dict": {f"module.{k}": v for k, v in module.state_dict().items()}}, path)
    else:
        save_file(module.state_dict(), path)
    network = load(weights=str(path))
    assert same(network, module)
    assert network.categories[:2] == ("tench, Tinca tinca", "goldfish, Carassius auratus")
    assert len(network.categories) == 1000
    with pytest.raises(ModelError, match=r"do not fit VisionTransformer:\n.*head.weight \(found 1000x"):
        load(weights=str(path), categories=3)


def test_weights_of_another_size_are_resampled_by_timms_own_function(tmp_path):
    module = timm.create_model(SMALL)
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    overlay = {"file": str(tmp_path / "net.safetensors"), "custom_load": False}
    expected = timm.create_model(SMALL, pretrained=True, pretrained_cfg_overlay=overlay, img_size=96)
    assert same(load(weights=str(tmp_path / "net.safetensors"), input_size=96), expected)


def saved_folder(folder, arch=SMALL, **arguments):
    """A folder as timm itself writes it for the Hub."""
    module = timm.create_model(arch, **arguments)
    timm.models.save_for_hf(module, folder, safe_serialization=True)
    return module


def test_a_mean_of_another_number_of_channels_is_refused_with_a_cure(tmp_path):
    saved_folder(tmp_path, num_classes=2)
    config = json.loads((tmp_path / "config.json").read_text())
    config["pretrained_cfg"]["mean"] = [0.2, 0.6]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"says mean \(0.2, 0.6\) for 3 channels. Give mean and std"):
        load(f"local-dir:{tmp_path}")
    given = {"mean": (0.1, 0.2, 0.3), "std": (1, 1, 1)}
    assert load(f"local-dir:{tmp_path}", **given).input.mean == (0.1, 0.2, 0.3)


def test_names_that_are_not_as_many_as_outputs_are_told(tmp_path, caplog):
    saved_folder(tmp_path, num_classes=2)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"label_names": ["one", "two", "three"]}))
    assert load(f"local-dir:{tmp_path}", weights="pretrained").categories == ()
    assert "has 3 label_names for num_classes 2: its names are left out" in caplog.text
    caplog.clear()
    load(f"local-dir:{tmp_path}", weights="pretrained", categories=["cat", "dog"])
    assert "label_names" not in caplog.text


def test_a_folder_of_timm_loads_with_its_names(tmp_path):
    module = saved_folder(tmp_path, num_classes=2)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"label_names": ["n1", "n2"], "label_descriptions": {"n1": "cat", "n2": "dog"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    network = load(f"local-dir:{tmp_path}", weights="pretrained")
    assert same(network, module)
    assert network.categories == ("cat", "dog")
    assert network.input == load().input
    assert load(f"local-dir:{tmp_path}").module.num_classes == 2


def in_cache(cache, repository, folder):
    """The cache of the Hub as it is after a download."""
    home = cache / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    (home / "snapshots").mkdir()
    folder.rename(home / "snapshots" / ("0" * 40))


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No connection, and a cache of its own."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_hub_is_read_from_the_cache_without_a_connection(tmp_path, offline):
    module = saved_folder(tmp_path / "saved")
    in_cache(offline, "someone/net", tmp_path / "saved")
    for source in ("hf_hub", "hf-hub"):
        network = load(f"{source}:someone/net", weights="pretrained")
        assert same(network, module)
        assert len(network.categories) == 1000


def test_timms_own_weights_come_from_the_cache(tmp_path, offline):
    module = saved_folder(tmp_path / "saved", "test_vit.r160_in1k")
    in_cache(offline, "timm/test_vit.r160_in1k", tmp_path / "saved")
    network = load("test_vit.r160_in1k", weights="pretrained")
    assert same(network, module)
    assert network.categories[0] == "tench, Tinca tinca"
    assert (
        load("test_vit.r160_in1k", weights="pretrained", categories=["a"] * 1000).categories == ("a",) * 1000
    )
    with pytest.raises(ModelError, match=r"have 1000 outputs, and 'categories' says 7.*num_classes: 0"):
        load("test_vit.r160_in1k", weights="pretrained", categories=7)
    headless = load("test_vit.r160_in1k", weights="pretrained", arguments={"num_classes": 0})
    assert headless(torch.zeros(1, 3, 160, 160)).shape == (1, 64)
    assert headless.categories == ()
    with pytest.raises(ModelError, match="is not the expected file"):
        load("test_vit.r160_in1k", weights="pretrained", sha256="0" * 64)


@pytest.mark.parametrize(
    ("arch", "weights"), [("test_vit.r160_in1k", "pretrained"), ("hf_hub:someone/net", None)]
)
def test_without_a_connection_the_way_out_is_said(offline, arch, weights):
    with pytest.raises(ModelError, match=r"not in the cache, and cannot be downloaded.*`hf download \S+`"):
        load(arch, weights=weights)


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        ("resnett18", r"must be a network of timm. Did you mean '\w*resnet18"),
        ("resnet50.a1_in1", "names weights 'a1_in1' that timm has not for resnet50. Did you mean 'a1_in1k'"),
        ("timm/resnet50.a1_in1k", "Of the Hub write hf_hub:timm/resnet50.a1_in1k"),
        ("hub:timm/resnet50", "must be a name of timm, hf_hub:OWNER/NAME or local-dir:FOLDER"),
        ("hf_hub:", "must be a name of timm, hf_hub:OWNER/NAME"),
        ("", "must be a network of timm"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(arch, message):
    with pytest.raises(PluginError, match=message):
        load(arch)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"arguments": {"depht": 3}}, ModelError, "timm cannot build test_vit with .*depht"),
        ({"weights": "own"}, UnknownNameError, "Known: pretrained"),
        ({"arguments": {"num_classes": "x"}}, PluginError, "'num_classes' must be a whole number from 0"),
        ({"arguments": {"in_chans": 0}}, PluginError, "'in_chans' must be a whole number from 1"),
        ({"arguments": {"num_classes": 7}, "categories": 5}, ModelError, "says 5 outputs .* say 7"),
        ({"pretrained": True}, PluginError, "Write weights: pretrained"),
        ({"arguments": {"checkpoint_path": "a.pth"}}, PluginError, "files are read by 'weights' alone"),
        ({"weights": "nowhere.pth"}, ModelError, r"nowhere\.pth"),
        ({"arch": "test_vit3", "weights": "pretrained", "categories": 10}, ModelError, "have 1000 outputs"),
        ({"arch": "local-dir:nowhere"}, ModelError, "describes no network of timm"),
        (
            {"arguments": {"embed_dim": 10**6, "patch_size": 160}},
            ModelError,
            "takes more than 8 GB of memory",
        ),
    ],
)
def test_what_cannot_be_is_said(parameters, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        load(**parameters)


class Runs:
    """Unpickled, it writes a file."""

    def __reduce__(self):
        return (Path.write_text, (Path("ran"), "yes"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "given.pth"])
def test_nothing_in_a_file_runs(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    saved_folder(tmp_path / "net")
    (tmp_path / "net" / "model.safetensors").unlink()
    with (tmp_path / "net" / name).open("wb") as file:
        pickle.dump({"head.weight": Runs()}, file)
    arch, weights = SMALL, str(tmp_path / "net" / name)
    if name == "pytorch_model.bin":
        arch, weights = f"local-dir:{tmp_path / 'net'}", "pretrained"
    with pytest.raises(ModelError):
        load(arch, weights=weights)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "config",
    [
        "[]",
        '{"architecture": "os.system"}',
        '{"architecture": "test_vit", "model_args": {"depth": 1000000000}}',
        '{"architecture": 3}',
        '{"architecture": "test_vit", "pretrained_cfg": {"first_conv": 3, "input_size": "large"}}',
        '{"architecture": "test_vit", "model_args": {"norm_layer": "os:system"}}',
        "{",
    ],
)
def test_a_hostile_configuration_is_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelError):
        load(f"local-dir:{tmp_path}")


def test_categories_are_those_of_the_imagenet_with_so_many():
    for count, first in [(21843, "organism, being"), (11821, "kit_fox"), (1000, "tench, Tinca tinca")]:
        names = category_names({"num_classes": count})
        assert len(names) == count
        assert count == 11821 or names[0].startswith(first)
    assert category_names({"num_classes": 77}) == ()
    assert category_names({"num_classes": 2, "label_names": ["a", "b"]}) == ("a", "b")


def test_every_configuration_of_timm_becomes_an_input():
    for name in timm.list_models(pretrained=True)[::25]:
        stated = input_stated(timm.get_pretrained_cfg(name).to_dict(), 3)
        assert stated.size
        assert stated.interpolation in {"bilinear", "bicubic"}
        assert stated.resize >= min(stated.size)


def test_without_the_extra_the_way_to_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(PluginError, match=r"needs the package timm.*pip install 'interpret-cnn\[timm\]'"):
        load()


def test_a_pipeline_and_the_command_line_name_it(tmp_path, capsys):
    (tmp_path / "p.yaml").write_text(
        "version: 1\nmodels: {net: {name: timm, arch: test_resnet, categories: 4}, short: 'timm:test_vit'}\n"
        "datasets: {val: {name: scenes, split: val, limit: 2}}\n"
        "steps: {first: {probe: topk, model: net, layers: [stage1]}}\n"
    )
    assert call(["check", str(tmp_path / "p.yaml")]) == 0
    (tmp_path / "p.yaml").write_text((tmp_path / "p.yaml").read_text().replace("test_resnet", "test_resne"))
    assert call(["check", str(tmp_path / "p.yaml")]) == 2
    assert "Did you mean 'test_resnet" in capsys.readouterr().err


def test_nobody_waits_for_it_who_does_not_use_it():
    code = (
        "import sys; from interpret.cli.shell import call; call(['list']);"
        "sys.exit(bool({'timm', 'transformers', 'datasets', 'huggingface_hub'} & sys.modules.keys()))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
    )
