"""Files that a run leaves out are counted on the screen, and its figures never become photographs."""

from PIL import Image

import interpret_datasets
from interpret.cli.work import run_and_tell
from interpret.plugin.discovery import Loaded, Origin, classify

PIPELINE = """\
version: 1
models: {{net: {{name: tiny}}}}
datasets: {{photos: {{name: folder, path: {photos}}}}}
steps: {{strongest: {{probe: topk, layers: [layer1], k: 1, on_error: skip}}}}
"""


def test_images_that_are_left_out_are_counted_on_the_screen(tmp_path, tiny, capfd, caplog):
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.effect_noise((60, 60), 60).save(photos / "a.png")
    for name in ("b.png", "c.jpg"):
        (photos / name).write_bytes(b"torn")
    (photos / "d.heic").touch()
    (tmp_path / "p.yaml").write_text(PIPELINE.format(photos=photos))
    plugins = tiny.parts() | {"datasets": interpret_datasets}
    registry = classify([Loaded(Origin("tests", "1", name), plugin) for name, plugin in plugins.items()])
    for status in ("done", "kept: nothing has changed"):
        run_and_tell(tmp_path / "p.yaml", registry, out=photos / "run", as_json=False)
        assert f"strongest {status}, 2 images cannot be read" in " ".join(capfd.readouterr().out.split())
        Image.new("RGB", (9, 9)).save(photos / "run" / "strongest" / "figure.png")
    assert "Step strongest left out 2 images. The first, 'b.png'" in caplog.text
    assert "3 pictures. Passed over: 1 file of other kinds (1 .heic)." in caplog.text
    assert "1 run folder (run)" in caplog.text
