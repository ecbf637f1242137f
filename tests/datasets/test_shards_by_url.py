"""Shards and tables behind a real HTTP server: only what is asked for is fetched."""

import asyncio

import fsspec
import pytest
import torch
from fsspec.implementations.http import HTTPFileSystem
from shard_fixtures import first_values, members, png, serving, write_tar
from test_parquet import hugging_face
from test_webdataset import Values

import interpret
from interpret.errors import DatasetError, InterpretError
from interpret_datasets.shards import content


@pytest.fixture(autouse=True)
def _closed_sessions():
    """fsspec keeps its connections until the process ends; here they end with each test."""
    yield
    system = fsspec.filesystem("http")
    if system._session is not None:
        asyncio.run_coroutine_threadsafe(system._session.close(), fsspec.asyn.get_loop()).result()
    HTTPFileSystem.clear_instance_cache()


@pytest.fixture
def folder(tmp_path):
    for number in range(2):
        write_tar(tmp_path / f"{number}.tar", members(3, first=3 * number))
        hugging_face(6, 6 * number).to_parquet(tmp_path / f"{number}.parquet", batch_size=2)
    return tmp_path


def load(name, path, **parameters):
    return interpret.load_dataset(name, path=path, **parameters)


def test_a_picture_of_a_shard_is_one_request_for_its_bytes(folder):
    with serving(folder) as (url, server):
        images = load("webdataset", f"{url}/{{0..1}}.tar")
        assert list(images.ids) == list(load("webdataset", str(folder)).ids)
        assert list(images.labels) == [0, 1, 2, 0, 1, 2]
        server.asked.clear()
        assert images.read(4) == png(4)
        ((path, span),) = server.asked
        start, stop = map(int, span.removeprefix("bytes=").split("-"))
        assert (path, stop + 1 - start) == ("/1.tar", len(png(4)))
        assert first_values(images) == [*range(6)]
        server.asked.clear()
        known = images.fingerprint()
        assert not server.asked  # the ETags say it
        write_tar(folder / "1.tar", members(3, first=7))
        assert load("webdataset", f"{url}/{{0..1}}.tar").fingerprint() != known


def test_without_an_etag_the_content_tells_shards_apart(folder):
    with serving(folder, tagged=False) as (url, _):
        images = load("webdataset", f"{url}/0.tar")
        known = images.fingerprint()
        assert load("webdataset", f"{url}/0.tar").fingerprint() == known
        write_tar(folder / "0.tar", members(3, first=7))
        assert load("webdataset", f"{url}/0.tar").fingerprint() != known


def test_a_server_that_gives_whole_files_only_gives_the_same_pictures(folder, caplog):
    with serving(folder, whole_only=True) as (url, _):
        images = load("webdataset", f"{url}/0.tar")
        assert [images.read(index) for index in (2, 0)] == [png(2), png(0)]
        assert "gives whole files only, so that each picture costs all of it" in caplog.text
        assert load("parquet", f"{url}/1.parquet").read(3) == png(9)


def test_a_large_file_of_such_a_server_is_refused(folder, monkeypatch):
    monkeypatch.setattr(content, "WHOLE", 1000)
    monkeypatch.setattr(content, "BLOCK", 1000)
    write_tar(folder / "0.tar", [(f"{number}.png", bytes(2**20)) for number in range(4)])
    with serving(folder, whole_only=True) as (url, _), pytest.raises(DatasetError, match="whole files only"):
        load("webdataset", f"{url}/0.tar")


def test_rows_of_a_table_are_read(folder):
    with serving(folder) as (url, _):
        images = load("parquet", [f"{url}/0.parquet", f"{url}/1.parquet"])
        assert images.ids[7] == "1/1"
        assert [images.read(index) for index in (11, 0, 7)] == [png(11), png(0), png(7)]
        assert list(images.labels) == list(load("parquet", str(folder)).labels)


def test_what_is_missing_or_no_shard_is_named(folder, monkeypatch):
    (folder / "page.tar").write_text("<html>not found</html>" * 100)
    with serving(folder) as (url, _):
        for name, ending in (("webdataset", "tar"), ("parquet", "parquet")):
            with pytest.raises(DatasetError, match=rf"There is no file {url}/nothing\.{ending}"):
                load(name, f"{url}/nothing.{ending}")
        with pytest.raises(DatasetError, match="no tar file, or a damaged one"):
            load("webdataset", f"{url}/page.tar")
    monkeypatch.setattr(content, "WAITS", (0,))
    for name, ending in (("webdataset", "tar"), ("parquet", "parquet")):
        with pytest.raises(
            InterpretError, match=rf"{url}/0\.{ending} cannot be read: Client\w+Error.* 2 times"
        ):
            load(name, f"{url}/0.{ending}")


def test_passwords_and_signatures_are_not_shown(folder):
    with serving(folder) as (url, _):
        secret = url.replace("http://", "http://user:secret@")
        with pytest.raises(DatasetError) as caught:
            load("webdataset", f"{secret}/nothing.tar?Signature=hidden")
        assert "secret" not in str(caught.value)
        assert "hidden" not in str(caught.value)


def test_a_server_that_is_busy_is_asked_again_and_is_no_broken_shard(folder, monkeypatch):
    monkeypatch.setattr(content, "WAITS", (0, 0))
    with serving(folder) as (url, server):
        paths = [f"{url}/0.tar", str(folder / "1.tar")]
        images = load("webdataset", paths)
        server.busy = 2
        assert images.read(0) == png(0)
        server.busy = 100
        with pytest.raises(
            InterpretError, match=r"0\.tar cannot be read: .*503.* asked for 3 times"
        ) as caught:
            images.read(0)
        assert not isinstance(caught.value, DatasetError)  # no step passes over it
        assert len(load("webdataset", paths)) == 6  # where its pictures lie is known
        write_tar(folder / "0.tar", members(3, first=7))
        with pytest.raises(InterpretError, match="503"):
            load("webdataset", paths)
        server.busy = 0
        assert first_values(load("webdataset", paths)) == [7, 8, 9, 3, 4, 5]
        table = load("parquet", f"{url}/0.parquet")
        server.busy = 2
        assert table.read(1) == png(1)


def test_a_forked_process_opens_connections_of_its_own(folder):
    with serving(folder) as (url, _):
        images = load("webdataset", f"{url}/{{0..1}}.tar")
        assert images.read(0) == png(0)
        loader = torch.utils.data.DataLoader(
            Values(images), batch_size=None, num_workers=2, multiprocessing_context="fork"
        )
        assert list(loader) == [*range(6)]


def test_a_label_that_cannot_be_fetched_is_no_broken_picture(folder, monkeypatch):
    """A connection that fails in the midst of a shard ends the opening, and nothing is remembered."""
    monkeypatch.setattr(content, "WAITS", (0,))
    monkeypatch.setattr(content, "WHOLE", 0)
    monkeypatch.setattr(content, "BLOCK", 512)
    with serving(folder) as (url, server):
        load("webdataset", f"{url}/0.tar")
        requests = len(server.asked)
        assert requests > 5
        for fails_after in range(requests):
            write_tar(folder / "0.tar", members(3, first=10 + fails_after))
            server.fails_after = fails_after
            with pytest.raises(InterpretError, match=r"cannot be read"):
                load("webdataset", f"{url}/0.tar")
            server.fails_after = None
            images = load("webdataset", f"{url}/0.tar")
            assert (len(images), images.broken) == (3, {})
