"""Files of the Hugging Face Hub, from the cache or downloaded; nothing in them is run."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from types import ModuleType

from interpret.errors import ModelError, PluginError, clause

log = logging.getLogger(__name__)


def optional(package: str, extra: str, what: str) -> ModuleType:
    """A package that an extra of the installation brings; it is imported where it is used.

    Raises:
        PluginError: If it is not installed, or cannot be imported.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise PluginError(
            f"{what} needs the package {package}, which cannot be imported: {clause(error)}. Install it: "
            f"pip install 'interpret-cnn[{extra}]'."
        ) from error


def fetched(repository: str, name: str, revision: str = "", *, needed: bool = True) -> Path | None:
    """A file of a repository, from the cache if it is there; None if the repository has no such file.

    Args:
        repository: Such as ``timm/resnet50.a1_in1k``.
        name: The file in it.
        revision: A branch, tag or commit; empty for the main branch.
        needed: If not, a warning says that it cannot be known whether there is such a file.

    Raises:
        ModelError: If it is not in the cache and cannot be downloaded, or there is no such repository.
    """
    hub = import_module("huggingface_hub")
    missing = hub.errors.LocalEntryNotFoundError
    known = {"repo_id": repository, "filename": name, "revision": revision or None}
    try:
        return Path(hub.hf_hub_download(**known, local_files_only=True))
    except missing:
        pass
    except hub.errors.HFValidationError as reason:
        raise ModelError(
            f"{repository!r} is no name of the Hugging Face Hub, nor a folder here: {clause(reason)}."
        ) from None
    try:
        return Path(hub.hf_hub_download(**known))
    except missing as reason:
        if needed:
            raise ModelError(_offline(repository, name)) from reason
        if hub.try_to_load_from_cache(repository, name, revision=revision or None) is None:
            log.warning("%s", _offline(repository, name))
        return None
    except hub.errors.EntryNotFoundError:
        return None
    except (hub.errors.HfHubHTTPError, OSError, ValueError) as reason:
        line = next(iter(str(reason).strip().splitlines()), "")
        raise ModelError(
            f"{repository} of the Hugging Face Hub cannot be read: {clause(line)}. Check its name, and for a "
            "private one log in with `hf auth login`."
        ) from reason


def _offline(repository: str, name: str) -> str:
    return (
        f"{name} of {repository} is not in the cache, and cannot be downloaded: is there a network "
        f"connection, and HF_HUB_OFFLINE not set? Without one, run `hf download {repository}` elsewhere and "
        "give the folder or the file that it writes."
    )
