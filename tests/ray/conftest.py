"""A real Ray on this machine, started once."""

import os
import sys
from collections.abc import Iterator

import pytest
import torch
from ray_runs import pipeline, stored

from interpret.run import run_pipeline

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'interpret-cnn[ray]'.")


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """Two cores, two GPUs that are none, and the modules that this process finds."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    ray.init(
        num_cpus=2,
        num_gpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": paths},
        object_store_memory=200_000_000,
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def expected(tmp_path_factory) -> dict[str, bytes]:
    """What one process stores."""
    folder = tmp_path_factory.mktemp("expected")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run_pipeline(pipeline(), folder)
    torch.set_num_threads(threads)
    return stored(folder)


@pytest.fixture(autouse=True)
def one_thread(cluster):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
