"""What a plugin implements: Model, Dataset, Probe, Renderer, Executor.

A plugin class *is* its parameters, a frozen pydantic model, plus one method. Every parameter has a
description: ``interpret describe`` and the JSON Schema for editors show it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Generic,
    Literal,
    Self,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from torch import nn

from interpret.code.imports import ImportPath
from interpret.errors import InterpretError, ModelError, PluginError, clause
from interpret.images.dataset import Images, as_images
from interpret.images.inputs import InputSpec
from interpret.modules.budget import bounded
from interpret.modules.outputs import Output, OutputKind
from interpret.network.entry import takes_images, takes_network
from interpret.network.layouts import LayoutChoice
from interpret.network.network import Network
from interpret.plugin.rendering import takes_anything
from interpret.plugin.shards import Job, join_groups, shard_grid
from interpret.plugin.values import value_flaw
from interpret.progress import track_ranges
from interpret.results import Result
from interpret.weights.loading import load_into, read_weights

R = TypeVar("R", bound=Result)
Device = Literal["auto", "cpu", "cuda", "mps"]


class Plugin(BaseModel, ABC):
    """Anything a pipeline can name; its fields are its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False, allow_inf_nan=False)

    name: ClassVar[str] = ""
    """What users write to choose it: a word in snake_case, or a family and a word (``captum.saliency``)."""

    removed_parameters: ClassVar[Mapping[str, str]] = {}
    """What it is given by mistake: parameters that it had once, or that others have for the same; each with a
    sentence on what to write. Those of its bases count too."""

    also_called: ClassVar[Mapping[str, str]] = {}
    """Names by which others know what it does, each with a sentence on how to write it."""

    @field_validator("*", mode="before")
    @classmethod
    def _possible(cls, value: Any) -> Any:
        """No parameter takes numbers that are infinite or fit in no tensor, nor endless text."""
        if message := value_flaw(value):
            raise ValueError(message)
        return value

    @classmethod
    def parameter_hint(cls, name: str) -> str:
        """What to write in place of a parameter that it does not have; empty where nothing is known."""
        given = (vars(base).get("removed_parameters", {}) for base in cls.__mro__)
        return next((known[name] for known in given if name in known), "")

    @classmethod
    def summary(cls) -> str:
        """The first line of its docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    def content(self) -> str:
        """A hash of what it reads besides parameters and inputs, such as a folder that a parameter names."""
        return ""

    def nested(self) -> Sequence[Plugin]:
        """Further plugins that do a part of its work: what it finds depends on them too."""
        return ()

    def imports(self) -> Sequence[ImportPath]:
        """The classes that it imports because a parameter names them."""
        return [target for plugin in self.nested() for target in plugin.imports()]


@dataclass(frozen=True)
class Card:
    """What is known of a model besides its weights.

    Attributes:
        input: What it takes.
        categories: The names of its outputs.
        aliases: Further names of its layers.
        output: What of the things it returns is (n, classes); see ``interpret.wrap``.
        output_kind: What its numbers are; None: found out on first use.
        layouts: How layers are maps, by name, where that cannot be found; see ``interpret.wrap``.
    """

    input: InputSpec = field(default_factory=InputSpec)
    categories: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    output: Output = None
    output_kind: OutputKind | None = None
    layouts: Mapping[str, LayoutChoice] = field(default_factory=dict)


class Model(Plugin):
    """Builds an architecture and knows its weights."""

    max_bytes: ClassVar[int] = 4 * 2**30
    """Memory that building may take; the parameters may be a stranger's, such as ``width: 1000000``."""

    after_colon: ClassVar[str] = "weights"
    """The parameter that stands after the colon where a model is named in one text: ``zfnet:scenes``."""

    takes_import_path: ClassVar[bool] = False
    """Whether ``package.nets:Net`` is a model of this class, with the text as that parameter."""

    weights: str | None = Field(
        None, description="Path of a weights file, or a name the model knows; none: initialised."
    )
    sha256: str | None = Field(None, description="Hash the weights file must have.")

    @model_validator(mode="after")
    def _hash_of_something(self) -> Self:
        if self.sha256 and self.weights is None:
            raise ValueError(
                "'sha256' is the hash of a weights file, and none is given: give 'weights', or leave it out"
            )
        return self

    @abstractmethod
    def build(self) -> nn.Module:
        """The architecture, initialised as its recipe says."""

    def card(self) -> Card:
        """Its input specification, categories and layer aliases."""
        return Card()

    def aliases(self, module: nn.Module) -> Mapping[str, str]:  # noqa: ARG002 - for models that ask it
        """Further names of the layers of the module that was built; those of the card, if it is not asked."""
        return self.card().aliases

    def load_weights(self, module: nn.Module) -> None:
        """Put the weights into the module; called only where ``weights`` is given."""
        if self.weights is not None:
            names = module.state_dict().keys()
            load_into(module, read_weights(self.weights, sha256=self.sha256 or "", names=names))

    def load(self, device: Device = "auto", seed: int = 0) -> Network:
        """The network in eval mode; without weights it is initialised with ``seed``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self._built()
        if self.weights is not None:
            self.load_weights(module)
        card, aliases = self.card(), self.aliases(module)
        module = module.eval().to(pick_device(device))
        return Network(
            module,
            card.input,
            card.categories,
            aliases,
            card.output,
            layouts=card.layouts,
            output_kind=card.output_kind,
        )

    def _built(self) -> nn.Module:
        """The architecture, if its parameters describe one that can be built here."""
        try:
            with bounded(self.max_bytes, type(self).name):
                return self.build()
        except InterpretError:
            raise
        except Exception as error:
            reason = next(iter(str(error).splitlines()), "")
            raise ModelError(
                f"{type(self).name} cannot be built with its parameters: {type(error).__name__}: {reason}"
            ) from error


class Dataset(Plugin):
    """Yields images with stable ids, labels, and where it has them parts, boxes and masks."""

    @abstractmethod
    def open(self) -> Images:
        """The images; no picture is read before it is asked for."""


class Probe(Plugin):
    """Asks one question of a network and returns one result.

    Further parameters of ``run`` are results of earlier steps; their annotations say which, and ``X | None``
    makes one optional: ``def run(self, network, images, exemplars: Exemplars) -> Projections``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Its ways in take a Network, any sequence of images, and run in plain surroundings."""
        super().__init_subclass__(**kwargs)
        for name in {"run", "run_shard"} & vars(cls).keys():
            if not getattr(vars(cls)[name], "__isabstractmethod__", False):
                setattr(cls, name, takes_network(takes_images(vars(cls)[name])))

    collective: ClassVar[bool] = False
    """Whether the processes that ``torchrun`` starts do its work together."""

    in_pieces: ClassVar[bool] = False
    """Whether its long work is stored in pieces, so that the processes of an executor can do it together.

    All of them call ``run``, and each piece (`interpret.run.cached_pieces`, `cached_parts`, `share_out`) is
    computed by one of them.
    """

    @abstractmethod
    def run(self, network: Network, images: Images, *args: Any, **inputs: Any) -> Result:
        """Answer the question."""


class WeightsResult(Result, ABC):
    """A result that holds weights: a step with ``weights: STEP`` asks its model with these instead."""

    @abstractmethod
    def network(self, network: Network) -> Network:
        """The network with these weights; the one that is given stays as it is."""


class ShardedProbe(Probe):
    """A probe over a whole dataset, answered in parts that are merged.

    Merging is associative and its order does not matter, so that a killed run recomputes only what is missing
    and several processes can share the work.
    """

    batch_size: int = Field(32, ge=1, le=4096, description="Images in one forward pass.")

    @abstractmethod
    def run_shard(self, network: Network, images: Images, *args: Any, **inputs: Any) -> Result:
        """The partial result of one part of the dataset; ``images.indices`` are places in the whole."""

    @abstractmethod
    def merge(self, partials: Sequence[Any]) -> Result:
        """The result of the partial results."""

    def join(self, pieces: Sequence[Any]) -> Result:
        """The partial result of a shard from those of consecutive pieces of it, which are whole batches.

        A probe that has it keeps what it has done of a shard when it is stopped. It must give the bits that
        ``run_shard`` gives for the whole shard, however that is cut; so nothing in it may be random.
        """
        raise NotImplementedError

    def merge_all(self, parts: Iterable[Any]) -> Result:
        """The result of partial results that come one by one; of a probe with ``join`` few are in memory."""
        joins = type(self).join is not ShardedProbe.join
        return self.merge(join_groups(self.join, parts) if joins else list(parts))

    def run(self, network: Network, images: Images, *args: Any, **inputs: Any) -> Result:
        """Every shard in turn, then the merge."""
        images = as_images(images)
        shards = shard_grid(len(images), self.batch_size)
        return self.merge_all(
            self.run_shard(network, images.subset(shard), *args, **inputs) for shard in track_ranges(shards)
        )


class Renderer(Plugin, Generic[R]):
    """Turns a result into files a person looks at; only renderers normalise and colour.

    The annotation of ``result`` says which results it draws.
    """

    first_look: ClassVar[Mapping[str, Any]] = {}
    """The parameters with which `interpret.show` draws where it is given none: a part that takes seconds."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """It is called with any sequence of images, or None, and with any folder, which need not be there."""
        super().__init_subclass__(**kwargs)
        render = vars(cls).get("render")
        if render is not None and not getattr(render, "__isabstractmethod__", False):
            cls.render = takes_anything(render)  # type: ignore[method-assign]

    @abstractmethod
    def render(self, result: R, images: Images, folder: Path) -> Sequence[Path]:
        """Write files into ``folder`` and return them.

        Args:
            result: What is drawn.
            images: The whole dataset of the step. Users may give any sequence of paths, pictures or tensors,
                or None: then those that the result remembers.
            folder: Where the files go. Users may give it as text; it is made where it is missing.
        """


class Executor(Plugin):
    """Runs the jobs of a step somewhere: here, in other processes, on other machines."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """What was written before there were jobs, ``map(work, shards)``, goes on to work."""
        super().__init_subclass__(**kwargs)
        if "map" in vars(cls) and "run" not in vars(cls):
            cls.run = _run_by_map  # type: ignore[assignment,method-assign]

    side_by_side: ClassVar[bool] = False
    """Whether `run` may be called by several threads at once, for steps that do not need each other."""

    @property
    def capacity(self) -> int:
        """How many jobs it runs at the same time."""
        return 1

    @abstractmethod
    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Run every job once, in any order, and yield each when it is done; what a job raises is raised."""

    def close(self) -> None:
        """A run has ended: let go of what was held from one step to the next."""


def _run_by_map(executor: Executor, jobs: Sequence[Job]) -> Iterator[Job]:
    by_shard = {job.shard: job for job in jobs}
    work = partial(_run_shard, by_shard)
    for shard in executor.map(work, list(by_shard)):  # type: ignore[attr-defined]
        yield by_shard[shard]


def _run_shard(jobs: Mapping[range, Job], shard: range) -> None:
    jobs[shard].run()


def pick_device(device: Device) -> torch.device:
    """The device meant; ``auto`` is an accelerator where there is one.

    Raises:
        ModelError: If the device is not on this machine.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if available[name]))
    if not available.get(device, False):
        raise ModelError(f"There is no {device} device here. Use device: auto or cpu.")
    return torch.device(device)


@dataclass(frozen=True)
class Input:
    """A result that a probe needs from an earlier step."""

    type: type[Result]
    required: bool


def probe_inputs(probe: type[Probe]) -> dict[str, Input]:
    """The results a probe needs, by parameter, from the annotations of ``run`` (or ``run_shard``)."""
    method = probe.run_shard if issubclass(probe, ShardedProbe) else probe.run
    hints = _hints(probe, method)
    skipped = {"network", "images", "args", "inputs", "return"}
    return {key: _input(probe, key, hint) for key, hint in hints.items() if key not in skipped}


def probe_output(probe: type[Probe]) -> type[Result]:
    """The type of result a probe returns."""
    method = probe.merge if issubclass(probe, ShardedProbe) else probe.run
    return _result_type(probe, "return", _hints(probe, method).get("return"))


def probe_partial(probe: type[ShardedProbe]) -> type[Result]:
    """The type of partial result that a sharded probe gives for one shard."""
    return _result_type(probe, "return", _hints(probe, probe.run_shard).get("return"))


def renderer_input(renderer: type[Renderer[Any]]) -> type[Result]:
    """The type of result a renderer draws."""
    return result_of(renderer, renderer.render)


def result_of(owner: type, method: Callable[..., Any]) -> type[Result]:
    """The type of result that a method of a plugin takes as ``result``.

    Raises:
        PluginError: If its annotation does not say.
    """
    return _result_type(owner, "result", _hints(owner, method).get("result"))


def _hints(owner: type, method: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(method)
    except NameError as error:
        raise PluginError(
            f"{owner.__name__}: the annotations of {method.__name__} cannot be read: {clause(error)}. "
            "Import the result types at the top of the module, not under TYPE_CHECKING."
        ) from error


def _input(owner: type, key: str, hint: Any) -> Input:
    union = get_origin(hint) in {Union, UnionType}
    choices = [item for item in get_args(hint) if item is not NoneType] if union else [hint]
    return Input(
        _result_type(owner, key, choices[0] if len(choices) == 1 else hint), NoneType not in get_args(hint)
    )


def _result_type(owner: type, key: str, hint: Any) -> type[Result]:
    if isinstance(hint, type) and issubclass(hint, Result):
        return hint
    raise PluginError(f"{owner.__name__}: {key!r} is annotated as {hint!r}; it must be a Result class.")
