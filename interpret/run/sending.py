"""Jobs and errors as bytes, for processes that a run has started."""

from __future__ import annotations

import pickle

from interpret.errors import StepError, clause
from interpret.plugin.shards import Job


def packed(job: Job) -> bytes:
    """A job as another process takes it, with `pickle.loads`.

    Raises:
        StepError: If something in it cannot be sent.
    """
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise StepError(
            f"Its shards cannot be computed in other processes: {clause(error)}. Define the classes of the "
            "step in a module that can be imported, or leave out workers."
        ) from error


def sendable(error: Exception) -> Exception:
    """The error, or what it says where the process that started this one could not read it."""
    try:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
        return error if type(again) is type(error) else _in_words(error)
    except Exception:  # noqa: BLE001 - the code of others fails in any way
        return _in_words(error)


def _in_words(error: Exception) -> StepError:
    return StepError(f"{type(error).__name__}: {error}")
