"""A run folder in a real object store: a server that speaks S3, in a process of its own."""

import os
import time
from urllib.request import Request, urlopen

import pytest

from interpret.errors import InterpretError
from interpret.run import open_run, remote, run_pipeline

server = pytest.importorskip("moto.server", reason="No server of S3: pip install 'moto[server]' s3fs")
s3fs = pytest.importorskip("s3fs", reason="No client of S3: pip install s3fs")

URL = "s3://bucket/runs/one"
PIPELINE = """\
version: 1
models: {net: {name: tiny}}
datasets: {val: {name: noise, count: 1000}}
steps:
  peaks: {probe: peaks, batch_size: 8, pause: 0.5, render: [{name: page}]}
  jitter: {probe: jitter, inputs: {peaks: peaks}}
  written: {probe: writer}
"""


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """An empty bucket, and the environment by which it is found."""
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    address, port = running.get_host_and_port()
    environment = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{address}:{port}",
        "INTERPRET_CACHE": str(tmp_path / "here"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("bucket")
    yield environment
    with urlopen(Request(f"http://{address}:{port}/moto-api/reset", method="POST")):
        running.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def there() -> dict[str, bytes]:
    system = s3fs.S3FileSystem(use_listings_cache=False)
    found = system.find("bucket/runs/one")
    return {name.removeprefix("bucket/runs/one/"): system.cat_file(name) for name in found}


def results(names: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in names.items() if "/result." in name and name[0] != "."}


@pytest.fixture
def path(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return tmp_path / "pipeline.yaml"


def test_a_run_that_is_killed_goes_on_on_another_machine(bucket, path, known, tiny, fork):
    from far_store import job  # noqa: PLC0415 - on the path only now

    environment = {**bucket, "FAR_STORE": "", "INTERPRET_CACHE": f"{path.parent}/killed"}
    process = fork(job, str(path), URL, environment)
    while not any(name.endswith("/step.json") for name in there()) and process.is_alive():
        time.sleep(0.05)
    process.kill()
    process.join()
    sent = {
        int(name.split("/")[3][:8]) for name in there() if "shards" in name and name.endswith("/step.json")
    }
    with pytest.raises(InterpretError, match=rf"The run at {URL} is in use by process {process.pid} on "):
        run_pipeline(path, URL, registry=known)
    tiny.seen.clear()
    run_pipeline(path, URL, registry=known, take_over=True)
    computed = {int(event[1]) for event in tiny.seen if event[0] == "shard"}
    assert sent
    assert not sent & computed
    straight = run_pipeline(path, path.parent / "straight", registry=known).folder
    local = {file.relative_to(straight).as_posix(): file.read_bytes() for file in straight.glob("*/result.*")}
    assert results(there()) == local
    assert not [name for name in there() if name.startswith((".lock", ".work/.")) or "hashes.json" in name]
    os.environ["INTERPRET_CACHE"] = f"{path.parent}/reader"
    assert open_run(URL, registry=known).steps["jitter"].complete


def test_a_bucket_that_does_not_exist_is_not_made(bucket, path, known):
    with pytest.raises(
        InterpretError, match=r"s3://bukket/run cannot be used: FileNotFoundError: .*bucket does not"
    ):
        run_pipeline(path, "s3://bukket/run", registry=known)
    assert s3fs.S3FileSystem().ls("") == ["bucket"]


def test_a_server_that_is_gone_costs_nothing(bucket, path, known, monkeypatch):
    """s3fs itself asks five times."""
    from interpret.files import mirrors  # noqa: PLC0415

    monkeypatch.setattr(mirrors, "WAITS", ())
    monkeypatch.setattr(remote, "EVERY", 1000.0)
    run_pipeline(path, URL, registry=known)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(InterpretError, match=f"{URL} cannot be used: EndpointConnectionError"):
        run_pipeline(path, URL, registry=known)
