"""Classifiers of transformers from folders, with their processors; compared with transformers itself."""

import json
import logging
import pickle
import sys
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

import interpret
from interpret.cli.shell import call
from interpret.errors import ModelError, PluginError
from interpret_topk import mine
from interpret_zoo.huggingface import label_names
from interpret_zoo.image_model import _input_spec
from interpret_zoo.processors import processor_stated, tell_difference

NAMES = {0: "cat", 1: "dog", 2: "owl"}
T = transformers


def makers():
    """A small network of each kind, and its usual processor at a small size."""
    square, short = {"height": 32, "width": 32}, {"shortest_edge": 36}
    vit = T.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32,
        patch_size=8, id2label=NAMES,
    )  # fmt: skip
    convnext = T.ConvNextConfig(hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 2, 1], id2label=NAMES)
    resnet = T.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 12, 16, 20],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        id2label=NAMES,
    )
    swin = T.SwinConfig(
        embed_dim=8,
        depths=[1, 1],
        num_heads=[1, 2],
        image_size=32,
        patch_size=2,
        window_size=4,
        id2label=NAMES,
    )
    mobilenet = T.MobileNetV2Config(depth_multiplier=0.25, image_size=32, id2label=NAMES)
    mobilevit = T.MobileViTConfig(
        image_size=32, hidden_sizes=[16, 20, 24], neck_hidden_sizes=[8, 8, 12, 16, 20, 24, 32],
        num_attention_heads=2, id2label=NAMES,
    )  # fmt: skip
    crop, sixty = {"size": short, "crop_size": square}, T.ConvNextImageProcessor(size={"shortest_edge": 64})
    return {
        "vit": (T.ViTForImageClassification, vit, T.ViTImageProcessor(size=square)),
        "convnext": (T.ConvNextForImageClassification, convnext, sixty),
        "resnet": (T.ResNetForImageClassification, resnet, sixty),
        "swin": (T.SwinForImageClassification, swin, T.ViTImageProcessor(size=square)),
        "mobilenet": (T.MobileNetV2ForImageClassification, mobilenet, T.MobileNetV2ImageProcessor(**crop)),
        "mobilevit": (T.MobileViTForImageClassification, mobilevit, T.MobileViTImageProcessor(**crop)),
    }  # fmt: skip


KINDS = ("vit", "convnext", "resnet", "swin", "mobilenet", "mobilevit")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders as ``save_pretrained`` writes them, made when they are asked for."""
    home, made = tmp_path_factory.mktemp("models"), {}

    def folder(kind):
        if kind not in made:
            network, config, processor = makers()[kind]
            torch.manual_seed(0)
            module = network(config)
            for parameter in module.parameters():
                torch.nn.init.normal_(parameter, std=0.3)  # transformers begins so small that logits are zero
            module.save_pretrained(home / kind)
            processor.save_pretrained(home / kind)
            made[kind] = home / kind
        return made[kind]

    return folder


@pytest.fixture
def folder(folders, tmp_path):
    """A folder of its own, to be spoiled."""
    for file in folders("vit").iterdir():
        (tmp_path / "vit").mkdir(exist_ok=True)
        (tmp_path / "vit" / file.name).write_bytes(file.read_bytes())
    return tmp_path / "vit"


def load(path, **parameters):
    return interpret.load_model("huggingface", path=str(path), device="cpu", **parameters)


def photograph(width=110, height=76):
    rough = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_transformers_from_the_photograph_on(folders, kind, caplog, capfd):
    path = folders(kind)
    capfd.readouterr()
    network = load(path)
    assert not capfd.readouterr().err  # no bars
    assert not caplog.records  # the processor makes of a photograph what the input says
    processor = T.AutoImageProcessor.from_pretrained(path, backend="pil")
    theirs = T.AutoModelForImageClassification.from_pretrained(path)
    with torch.no_grad():
        expected = theirs(**processor(images=photograph(), return_tensors="pt")).logits
        found = network(network.preprocess(photograph())[None])
    assert torch.allclose(found, expected, atol=1e-6)
    assert expected.std() > 0
    assert network.categories == ("cat", "dog", "owl")
    assert not network.module.training


def processors():
    square, short = {"height": 32, "width": 32}, {"shortest_edge": 36}
    crop = {"crop_size": square, "do_center_crop": True}
    return {
        "vit": T.ViTImageProcessor(size=square),
        "vit, wide": T.ViTImageProcessor(size={"height": 30, "width": 40}, resample=3),
        "vit, bytes": T.ViTImageProcessor(size=square, do_rescale=False),
        "vit, plain": T.ViTImageProcessor(size=square, do_normalize=False),
        "beit": T.BeitImageProcessor(size={"height": 40, "width": 40}, **crop),
        "deit": T.DeiTImageProcessor(size={"height": 36, "width": 36}, **crop),
        "convnext": T.ConvNextImageProcessor(size={"shortest_edge": 64}),
        "convnext, other crop": T.ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.8),
        "convnext, large": T.ConvNextImageProcessor(size={"shortest_edge": 384}),
        "clip": T.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=square),
        "levit": T.LevitImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        "bit": T.BitImageProcessor(size=short, crop_size=square),
        "efficientnet": T.EfficientNetImageProcessor(size=square),
        "efficientnet, plain": T.EfficientNetImageProcessor(size=square, do_normalize=False),
        "efficientnet, offset": T.EfficientNetImageProcessor(
            size=square, rescale_factor=1 / 127.5, rescale_offset=True, include_top=False
        ),
        "poolformer": T.PoolFormerImageProcessor(size={"shortest_edge": 32}, crop_size=square),
        "mobilenet": T.MobileNetV1ImageProcessor(size=short, crop_size=square),
        "mobilevit": T.MobileViTImageProcessor(size=short, crop_size=square),
        "siglip": T.SiglipImageProcessor(size=square),
        "pvt": T.PvtImageProcessor(size=square),
    }  # fmt: skip


@pytest.mark.parametrize("kind", processors().keys())
@pytest.mark.parametrize("shape", [(110, 76), (64, 90)])
def test_processors_are_understood(kind, shape, tmp_path, caplog):
    processors()[kind].save_pretrained(tmp_path)
    processor = T.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    values = processor.to_dict()
    spec = _input_spec(processor_stated(values, (32, 32)))
    tell_difference(processor, spec, values)
    assert not caplog.records
    made = processor(images=photograph(*shape), return_tensors="pt")["pixel_values"][0]
    theirs = spec.denormalize(made.flip(0) if values.get("do_flip_channel_order") else made)
    ours = spec.denormalize(spec.preprocess(photograph(*shape)))
    assert ours.shape == theirs.shape
    height, width = ours.shape[1:]
    apart = [
        float((theirs[:, down:, right:] - ours[:, : height - down, : width - right]).abs().max())
        for down in (0, 1)
        for right in (0, 1)
    ]
    # where an odd number of pixels is cropped off, they begin half a pixel before the centre, we after it
    assert min(apart) < 1e-5


@pytest.mark.parametrize(
    ("file", "said", "message"),
    [
        ("config.json", {"image_size": [32]}, "image_size"),
        ("config.json", {"image_size": "big"}, "image_size"),
        ("preprocessor_config.json", {"image_mean": "x"}, "could not convert"),
        ("preprocessor_config.json", {"resample": 99}, "not a valid Resampling"),
        ("preprocessor_config.json", {"rescale_factor": "x"}, "could not convert"),
        ("preprocessor_config.json", {"size": {"height": 10**6, "width": 10**6}}, "input_size"),
        ("preprocessor_config.json", {"size": {"shortest_edge": 10**8}}, "input_size"),
        ("preprocessor_config.json", {"size": {"height": -5, "width": 5}}, "input_size"),
    ],
)
def test_a_folder_that_says_nonsense_of_the_input_is_refused(folders, tmp_path, file, said, message):
    for each in folders("resnet").iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    known = json.loads((tmp_path / file).read_text())
    (tmp_path / file).write_text(json.dumps(known | said))
    with pytest.raises(ModelError, match=message):
        load(tmp_path)
    if message == "input_size":  # the cure
        assert load(tmp_path, input_size=64, resize=64).input.size == (64, 64)


def test_a_processor_that_does_something_else_is_told(caplog):
    processor = T.ViTImageProcessor(size={"height": 32, "width": 32})
    spec = interpret.InputSpec((32, 32), (0.5,) * 3, (0.5,) * 3, 32)
    tell_difference(processor, spec, processor.to_dict())
    assert "ViTImageProcessor prepares photographs in another way" in caplog.text


def test_what_is_given_stands_above_the_processor(folders, caplog):
    network = load(
        folders("resnet"), input_size=96, mean=[0.4] * 3, std=[0.2] * 3, categories=["a", "b", "c"]
    )
    assert network.input.size == (96, 96)
    assert network.input.mean == (0.4,) * 3
    assert network.categories == ("a", "b", "c")
    assert network(torch.zeros(1, 3, 96, 96)).shape == (1, 3)
    assert not caplog.records
    with pytest.raises(ModelError, match="has 3 outputs, but 'categories' says 2"):
        load(folders("resnet"), categories=2)


def test_without_a_processor_the_size_is_that_of_the_configuration(folder):
    (folder / "preprocessor_config.json").unlink()
    assert load(folder).input == interpret.InputSpec((32, 32))


def test_the_size_may_be_that_of_a_part_of_the_configuration(tmp_path):
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**small, "vocab_size": 50, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    config = T.CLIPConfig(vision_config={**small, "image_size": 32, "patch_size": 8}, text_config=text)
    T.CLIPForImageClassification(config).save_pretrained(tmp_path)
    network = load(tmp_path)
    assert network.input.size == (32, 32)
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 2)
    assert list(network.aliases) == ["stage0", "stage1"]


def test_outputs_that_nobody_named_have_no_names():
    assert label_names(T.ViTConfig(num_labels=3)) == ()
    assert label_names(T.ViTConfig(id2label={0: "a", 1: "b"})) == ("a", "b")


@pytest.mark.parametrize(
    ("kind", "stages"),
    [
        ("vit", [f"vit.layers.{i}" for i in range(2)]),
        ("convnext", [f"convnext.encoder.stages.{i}" for i in range(4)]),
        ("resnet", [f"resnet.encoder.stages.{i}" for i in range(4)]),
        pytest.param("mobilevit", [f"mobilevit.encoder.layer.{i}" for i in range(5)], marks=pytest.mark.slow),
    ],
)
def test_stages_are_the_largest_list_of_blocks(folders, kind, stages):
    network = load(folders(kind))
    assert list(network.aliases.values()) == stages
    assert list(network.aliases) == [f"stage{index}" for index in range(len(stages))]
    found = network.record(torch.zeros(1, *network.input.shape), ["stage1"])
    assert found["stage1"].shape[0] == 1


def test_blocks_that_return_tuples_are_stages_too(folders):
    stages = {f"stage{index}": f"swin.encoder.layers.{index}" for index in range(2)}
    assert load(folders("swin")).aliases == stages


def test_its_units_are_mined(folders):
    network = load(folders("resnet"))
    found = mine(network, [photograph(), photograph(80, 80)], layers=["stage0", "stage3"], k=1)
    assert found["stage3"].values.shape == (20, 1)


def test_a_file_of_weights_replaces_those_of_the_folder(folder, tmp_path):
    other = T.ViTForImageClassification(T.ViTConfig.from_pretrained(folder))
    torch.save(other.state_dict(), tmp_path / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"reads no pickled weights here. Give their file as 'weights'"):
        load(folder)
    network = load(folder, weights=str(tmp_path / "pytorch_model.bin"))
    ours = network.module.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in other.state_dict().items())


class Runs:
    """Unpickled, it writes a file."""

    def __reduce__(self):
        return (Path.write_text, (Path("ran"), "yes"))


def test_pickles_do_not_run(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"classifier.weight": Runs()}))
    for weights in (None, str(folder / "pytorch_model.bin")):
        with pytest.raises(ModelError):
            load(folder, weights=weights)
    assert not (tmp_path / "ran").exists()


def edit(folder, name="config.json", **values):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


CODE = "import pathlib\npathlib.Path('ran').write_text('yes')\n"


def test_code_that_comes_with_a_model_does_not_run(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("configuration_x", "modeling_x", "processing_x"):
        (folder / f"{name}.py").write_text(CODE)
    classes = {
        "AutoConfig": "configuration_x.XConfig",
        "AutoModelForImageClassification": "modeling_x.X",
        "AutoImageProcessor": "processing_x.P",
    }
    edit(folder, auto_map=classes)
    edit(folder, "preprocessor_config.json", auto_map={"AutoImageProcessor": "processing_x.P"})
    assert load(folder).categories == ("cat", "dog", "owl")  # transformers has a class of its own for it
    edit(folder, model_type="something_else")
    with pytest.raises(ModelError, match="asks for Python code that comes with it, which is never run"):
        load(folder)
    assert not (tmp_path / "ran").exists()


def test_attention_from_the_hub_is_not_fetched(folder):
    edit(folder, attn_implementation="someone/kernel", _attn_implementation="someone/kernel")
    assert load(folder)(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "bert"}, "holds a 'bert', no image classifier of"),
        ({"model_type": "no_such"}, "transformers cannot read|asks for Python code"),
        (
            {"hidden_size": 24},
            r"tensors in .* another shape than config.json says, such as .*, 24\) by config",
        ),
        ({"hidden_size": 4_000_000, "intermediate_size": 4_000_000}, "takes more than 8 GB|cannot read"),
        pytest.param({"num_hidden_layers": 10**8}, "takes more than", marks=pytest.mark.slow),
        ({"patch_size": 0}, "cannot read the model"),
        ({"hidden_size": "large"}, "cannot read the model"),
    ],
)
def test_a_hostile_configuration_is_refused(folder, values, message):
    edit(folder, **values)
    with pytest.raises(ModelError, match=message):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_broken_file_is_said(folder, name, content):
    (folder / name).write_text(content)
    with pytest.raises(ModelError, match=r"cannot read|has no"):
        load(folder)


def test_a_model_without_a_classifier_is_wrapped(folder, tmp_path):
    tower = T.ViTModel(T.ViTConfig.from_pretrained(folder)).eval()
    tower.save_pretrained(tmp_path / "tower")
    with pytest.raises(ModelError, match=r"lacks .*classifier.*nobody trained them.*output='pooler_output'"):
        load(tmp_path / "tower")
    network = interpret.wrap(tower, input_size=32, output="pooler_output", squash=True)
    with torch.no_grad():
        expected = tower(torch.ones(1, 3, 32, 32)).pooler_output
    assert torch.allclose(network(torch.ones(1, 3, 32, 32)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere/at/all", "There is no folder .*no name of the Hub"), ("no such", "There is no folder")],
)
def test_a_path_that_leads_nowhere_is_said(path, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=message):
        load(path)
    with pytest.raises(ModelError, match=r"has no config\.json"):
        load(tmp_path)


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No connection, and a cache of its own."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_name_is_read_from_the_cache_without_a_connection(folder, offline):
    expected = load(folder).fingerprint()
    home = offline / "models--someone--vit"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    (home / "snapshots").mkdir()
    folder.rename(home / "snapshots" / ("0" * 40))
    assert load("someone/vit").fingerprint() == expected
    assert interpret.load_model("huggingface:someone/vit", revision="0" * 40).categories[0] == "cat"
    with pytest.raises(ModelError, match="not in the cache, and cannot be downloaded"):
        load("someone/vit", revision="other")


def test_that_a_processor_may_be_missing_is_told(folder, offline, caplog):
    (folder / "preprocessor_config.json").unlink()
    home = offline / "models--someone--vit"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    (home / "snapshots").mkdir()
    folder.rename(home / "snapshots" / ("0" * 40))
    assert load("someone/vit").input.size == (32, 32)
    assert "preprocessor_config.json of someone/vit is not in the cache" in caplog.text
    caplog.clear()
    (home / ".no_exist" / ("0" * 40)).mkdir(parents=True)
    (home / ".no_exist" / ("0" * 40) / "preprocessor_config.json").touch()
    assert load("someone/vit").input.size == (32, 32)
    assert not caplog.records  # the Hub has said that there is none


def test_a_network_of_one_channel(tmp_path, caplog):
    config = T.ResNetConfig(
        num_channels=1, embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic"
    )
    T.ResNetForImageClassification(config).save_pretrained(tmp_path)
    assert load(tmp_path).input.shape == (1, 224, 224)
    T.ViTImageProcessor(size={"height": 32, "width": 32}, do_normalize=False).save_pretrained(tmp_path)
    network = load(tmp_path)
    assert network.input.shape == (1, 32, 32)
    x = network.preprocess(photograph())
    assert network(x[None]).shape == (1, 2)
    assert not caplog.records


def test_it_goes_to_other_processes(folders):
    network = load(folders("resnet"))
    again = pickle.loads(pickle.dumps(network))
    x = torch.ones(1, *network.input.shape)
    assert torch.equal(again(x), network(x))


def test_without_a_connection_the_way_out_is_said(offline):
    with pytest.raises(
        ModelError, match=r"not in the cache, and cannot be downloaded.*`hf download someone/net`"
    ):
        load("someone/net")


def test_without_the_extra_the_way_to_it_is_said(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(PluginError, match=r"pip install 'interpret-cnn\[huggingface\]'"):
        load(folder)


def test_a_pipeline_runs_it(folders, tmp_path, caplog):
    (tmp_path / "p.yaml").write_text(
        f"version: 1\nmodels: {{net: 'huggingface:{folders('resnet')}'}}\n"
        "datasets: {val: {name: scenes, split: val, limit: 4}}\n"
        "steps: {first: {probe: topk, layers: [stage1], k: 1}}\n"
    )
    with caplog.at_level(logging.ERROR):
        assert call(["run", str(tmp_path / "p.yaml"), "--out", str(tmp_path / "run")]) == 0
    assert interpret.load_result(tmp_path / "run" / "first")["stage1"].values.shape == (12, 1)


def test_what_transformers_reports_is_said_in_words_of_our_own(folder, caplog, capfd):
    """Its table of what differs does not stand on the terminal, and no error points to it."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "spare.weight": torch.zeros(2)}, path, metadata={"format": "pt"})
    load(folder)
    assert "holds 1 tensors that the classifier does not have, such as spare.weight" in caplog.text
    edit(folder, hidden_size=24)
    with pytest.raises(ModelError) as caught:
        load(folder)
    printed = "".join([str(caught.value), caplog.text, *capfd.readouterr()])
    assert not any(words in printed for words in ("LOAD REPORT", "above report", "MISMATCH"))
