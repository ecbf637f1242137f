"""Pages as files: whatever a name holds, its page is written."""

from types import SimpleNamespace

from markupsafe import Markup

from interpret.plugin import Sheet
from interpret_gallery.writing import Writer


def test_a_name_that_is_no_text_is_written(tmp_path):
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")  # as Linux gives the name of such a file
    site = SimpleNamespace(folder=tmp_path, title="site", single=False, runs=[], steps=[])
    file = Writer(site, [], []).page(tmp_path / "page.html", Sheet(name, Markup("<p>body</p>")))
    assert "<h1><bdi>caf?.png</bdi></h1>" in file.read_text("utf-8")
