"""``Deconvolution`` and ``GuidedBackprop`` of Captum, of outputs and of neurons, by our projections."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, ClassVar, Literal

import captum.attr
from captum._utils.gradient import apply_gradient_requirements, compute_gradients, undo_gradient_requirements
from captum.log import log_usage
from jaxtyping import Float
from torch import Tensor, nn

from interpret.graph import Rules
from interpret.network import Network
from interpret_captum.attr.asking import Asked, DelegatedError, answer, as_asked, output_indices
from interpret_captum.attr.neurons import alone_in_layer, layer_name, start_signals
from interpret_deconv import Neuron, project
from interpret_deconv.signals import project_signals

Rule = Literal["deconvnet", "guided"]

HOOKS = (
    "Setting backward hooks on ReLU activations.The hooks will be removed after the attribution is finished"
)
"""What Captum warns of, to the letter, since programs filter it; here no hooks are set."""


class _OfOutputs:
    """``attribute`` of the methods that ask about outputs."""

    rule: ClassVar[Rule]

    @log_usage(part_of_slo=True)  # type: ignore[untyped-decorator]  # others of Captum's ask for __wrapped__
    def attribute(self, inputs: Any, target: Any = None, additional_forward_args: object = None) -> Any:
        """As Captum's, argument for argument.

        Args:
            inputs: Images (n, c, h, w), or whatever else Captum takes.
            target: Which output of each example is asked about.
            additional_forward_args: Further arguments of the module; with any, Captum's code answers.

        Returns:
            Signed maps in the shape of the inputs; a tuple for a tuple.
        """
        arguments = inputs, target, additional_forward_args
        captums = partial(super().attribute.__wrapped__, self, *arguments)  # type: ignore[misc]
        return answer(self, partial(_of_outputs, self, self.rule, *arguments), captums)


class Deconvolution(_OfOutputs, captum.attr.Deconvolution):  # type: ignore[misc]  # Captum has no types
    """The deconvnet of an output (captum ``Deconvolution``), right where Captum is not.

    ReLUs rectify the signal; every other operation passes its gradient, as in Captum. ReLUs are found as
    operations, so that ``F.relu`` counts, and one whose input something else reads too is itself alone.

    Example:
        >>> Deconvolution(model).attribute(x, target=281)
    """

    rule: ClassVar[Rule] = "deconvnet"


class GuidedBackprop(_OfOutputs, captum.attr.GuidedBackprop):  # type: ignore[misc]
    """Guided backpropagation of an output (captum ``GuidedBackprop``), right where Captum is not.

    Example:
        >>> GuidedBackprop(model).attribute(x, target=281)
    """

    rule: ClassVar[Rule] = "guided"


class _OfNeurons:
    """``attribute`` of the methods that ask about neurons: only what they see is computed."""

    rule: ClassVar[Rule]

    @log_usage(part_of_slo=True)  # type: ignore[untyped-decorator]
    def attribute(
        self,
        inputs: Any,
        neuron_selector: Any,
        additional_forward_args: object = None,
        attribute_to_neuron_input: bool = False,
    ) -> Any:
        """As Captum's, argument for argument.

        Args:
            inputs: Images (n, c, h, w), or whatever else Captum takes.
            neuron_selector: The index of a neuron, a tuple of numbers and slices (their sum), or a function
                of what the layer makes.
            additional_forward_args: Further arguments of the module; with any, Captum's code answers.
            attribute_to_neuron_input: Whether the layer's input is meant; then Captum's code answers.

        Returns:
            Signed maps in the shape of the inputs; a tuple for a tuple.
        """
        arguments = inputs, neuron_selector, additional_forward_args, attribute_to_neuron_input
        captums = partial(super().attribute.__wrapped__, self, *arguments)  # type: ignore[misc]
        return answer(self, partial(_of_neurons, self, self.rule, *arguments), captums)


class NeuronDeconvolution(_OfNeurons, captum.attr.NeuronDeconvolution):  # type: ignore[misc]
    """The deconvnet of a neuron (captum ``NeuronDeconvolution``): only what it sees is computed.

    Example:
        >>> NeuronDeconvolution(model, model.layer3).attribute(x, (17, 6, 6))
    """

    rule: ClassVar[Rule] = "deconvnet"


class NeuronGuidedBackprop(_OfNeurons, captum.attr.NeuronGuidedBackprop):  # type: ignore[misc]
    """Guided backpropagation of a neuron (captum ``NeuronGuidedBackprop``): only what it sees is computed.

    Example:
        >>> NeuronGuidedBackprop(model, model.layer3).attribute(x, (17, 6, 6))
    """

    rule: ClassVar[Rule] = "guided"


def _of_outputs(method: Any, rule: Rule, inputs: Any, target: Any, more: Any) -> Any:
    """Maps of one output of each example."""
    if method.gradient_func is not compute_gradients:
        raise DelegatedError("gradient_func was replaced")
    network, x = _asked(method.model, inputs, more)
    if not network.graph.output.continuous:
        raise DelegatedError("the module returns whole numbers, which have no gradient")
    signals = x.new_zeros(len(x), *network.graph.output.shape)
    for signal, index in zip(signals, output_indices(target, signals), strict=True):
        if signal[index].numel() != 1:
            raise DelegatedError("the target is not one number for each example")
        signal[index] = 1
    return _as_captum_returns(inputs, project_signals(network, x, "", signals, _rules(rule)))


def _of_neurons(method: Any, rule: Rule, inputs: Any, selector: Any, more: Any, to_input: bool) -> Any:  # noqa: PLR0917
    """Maps of what is selected of a layer."""
    if to_input:
        raise DelegatedError("the input of the layer is asked about")
    network, x = _asked(method.forward_func, inputs, more)
    name = layer_name(network, method.forward_func, method.layer)
    return _as_captum_returns(inputs, _neuron_maps(network, x, name, selector, rule))


def _neuron_maps(
    network: Network, x: Float[Tensor, "n c h w"], name: str, selector: Any, rule: Rule
) -> Float[Tensor, "n c h w"]:
    """Maps of what is selected of a layer: of single neurons by windows, of anything else by whole maps."""
    node = network.graph.layer(name) if name else network.graph.output
    values = x.new_zeros(len(x), *node.shape)
    if callable(selector):
        values = network.record(x, [name])[name] if name else network(x)
    signals = start_signals(selector, values)
    alone = alone_in_layer(signals, node) if name else None
    if alone is None:
        return project_signals(network, x, name, signals, _rules(rule))
    neurons = [Neuron(image, name, *place) for image, place in enumerate(alone)]
    maps = project(network, x, neurons, rule, lrn="gradient", nonlinear="gradient")
    return maps * signals.flatten(1).amax(1)[:, None, None, None]


def _asked(model: Any, inputs: Any, more: Any) -> Asked:
    """The network and the images, if every ``nn.ReLU`` is one: Captum has its rule at derived ones too."""
    asked = as_asked(model, inputs, more)
    if any(isinstance(part, nn.ReLU) and type(part) is not nn.ReLU for part in model.modules()):
        raise DelegatedError("the module has a class of its own derived from nn.ReLU")
    return asked


def _rules(rule: Rule) -> Rules:
    """Captum has its rule at ReLUs alone, and takes the gradient of everything else."""
    return Rules(rule, lrn="gradient", nonlinear="gradient")


def _as_captum_returns(inputs: Any, maps: Float[Tensor, "n c h w"]) -> Any:
    """Maps as a tuple where the input was one, with Captum's warnings."""
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    required = [item.requires_grad for item in given]
    try:
        apply_gradient_requirements(given)
        warnings.warn(HOOKS, stacklevel=2)
    finally:
        undo_gradient_requirements(given, required)
    return (maps,) if isinstance(inputs, tuple) else maps
