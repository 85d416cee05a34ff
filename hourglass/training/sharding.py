"""Share a model's weights, gradients and optimiser state among processes (FSDP2)."""

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from ..core.distributed import processes
from ..model.loss_step import Step
from ..run.settings import Settings

if TYPE_CHECKING:   # checkpoints are also read without training
    from lightning_fabric import Fabric

WHOLE = ("muon",)   # optimisers whose steps need whole matrices
TURNS = ("composite_kl",)   # terms that let parts of a model learn in turns


def sharers_of(settings: Settings, device: torch.device) -> int:
    """How many processes share one model; 1 where each has its own. Raises ValueError for settings
    that sharing does not go with."""
    if not settings.shard_model:
        return 1
    if processes() == 1:
        raise ValueError("shard_model shares a model among the processes of torchrun, and there is "
                         "one process. Start several, as in torchrun --nproc-per-node 2 -m "
                         "hourglass train ..., or leave --shard-model out")
    if device.type == "mps":
        raise ValueError("shard_model is for CUDA GPUs and CPUs, not for mps; leave --shard-model "
                         "out")
    if settings.compile:
        raise ValueError("shard_model cannot be combined with compile; leave one of them out")
    if settings.optimiser.partition("(")[0].strip() in WHOLE:
        raise ValueError(f"the optimiser {settings.optimiser} needs whole matrices, which "
                         f"shard_model splits; use --optimiser adam, or leave --shard-model out")
    return processes()


def check_losses(step: Step) -> None:
    """Raise ValueError for losses that cannot be combined with sharding."""
    names = [name for name in step.objective.terms if name in TURNS]
    if names or step.objective.rivals:
        term = next(iter([*names, *step.objective.rivals]))
        raise ValueError(f"the loss term {term} trains parts of the model in turns, which "
                         f"shard_model cannot; use another --loss, or leave --shard-model out")


class Sharded(nn.Module):
    """A step whose weights are shared, as training calls it."""

    def __init__(self, step: Step, fabric: "Fabric"):
        super().__init__()
        self.step, self.fabric = step, fabric

    def forward(self, *batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and the mean losses of a batch, as the step has them."""
        try:
            with self.fabric.autocast():
                losses: tuple[Tensor, dict[str, Tensor]] = self.step(*batch)
        except (RuntimeError, NotImplementedError) as error:
            if "DTensor" not in str(error):
                raise
            raise ValueError("shard_model cannot be combined with this model or loss, which reads "
                             "weights of a layer from outside of it. Leave --shard-model out, or "
                             "choose another part") from error
        return losses


def shard(step: Step, optimiser: Optimizer, device: torch.device) -> None:
    """Share the weights of a step, and its optimiser's state, among all processes. Before, each
    process has the same complete weights. The layers of the step are gathered when they are used.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    mesh = init_device_mesh(device.type, (processes(),))
    names = {id(weight): name for name, weight in step.named_parameters()}
    state = {names[id(weight)]: values for weight, values in optimiser.state.items()}
    order = [[names[id(weight)] for weight in group["params"]] for group in optimiser.param_groups]
    _suit(step)
    for layer in _layers(step):
        fully_shard(layer, mesh=mesh)
    fully_shard(step, mesh=mesh)   # other weights are gathered for a whole step
    weights: dict[str, Any] = dict(step.named_parameters())
    optimiser.state.clear()
    for group, members in zip(optimiser.param_groups, order, strict=True):
        group["params"] = [weights[name] for name in members]
    for name, values in state.items():
        optimiser.state[weights[name]] = {
            what: _like(value, weights[name], device) if what != "step" and isinstance(
                value, Tensor) else value for what, value in values.items()}


def _layers(step: Step) -> list[nn.Module]:
    """The layers that are gathered one at a time: modules with weights of their own, with all that
    is inside. Parts are none, such as a bottleneck: they are also used piece by piece."""
    parts = {step, step.model, step.objective, *step.model.children(), *step.objective.children(),
             *(term for terms in step.objective.children() for term in terms.children())}
    layers: list[nn.Module] = []

    def look(module: nn.Module) -> None:
        if module not in parts and any(True for _ in module.parameters(recurse=False)):
            layers.append(module)
            return
        for inside in module.children():
            look(inside)
    look(step)
    return list(dict.fromkeys(layers))


def _suit(step: Step) -> None:
    """Give all weights the layout and shape that FSDP takes: contiguous, and (1,) in place of ()
    for a single number. Which these are is kept, for `whole`."""
    step.single = {name for name, weight in step.named_parameters() if not weight.ndim}
    for name, weight in [*step.named_parameters()]:
        if not weight.ndim:
            owner, _, own = name.rpartition(".")
            weight = nn.Parameter(weight.data.reshape(1), requires_grad=weight.requires_grad)
            setattr(step.get_submodule(owner), own, weight)
        weight.data = weight.data.contiguous()


def _like(value: Tensor, weight: DTensor, device: torch.device) -> Tensor:
    """An optimiser's state of a weight, shared like the weight."""
    value = value.to(device)
    if value.numel() != weight.numel():
        return value
    return distribute_tensor(value.reshape(weight.shape).contiguous(), weight.device_mesh,
                             weight.placements, src_data_rank=None)   # all have the same


def is_sharded(step: nn.Module) -> bool:
    """Whether the weights of a step are shared among processes."""
    return any(isinstance(weight, DTensor) for weight in step.parameters())


def whole(tensors: dict[str, Tensor], single: Iterable[str] = ()) -> dict[str, Tensor]:
    """Whole tensors out of shared ones, in the processor's memory, one after another; those of the
    names `single` as numbers, (). All processes must call this together. Tensors that are not
    shared stay as they are."""
    gathered = dict(tensors)
    for name in sorted(tensors):   # in the same order everywhere
        value = tensors[name]
        gathered[name] = value.full_tensor().cpu() if isinstance(value, DTensor) else value
    return {name: value.reshape(()) if name in single else value
            for name, value in gathered.items()}


def single_states(step: nn.Module, optimiser: Optimizer) -> set[str]:
    """The names, as `state_tensors` has them, of an optimiser's states that are single numbers."""
    single: set[str] = getattr(step, "single", set())
    names = {id(weight): name for name, weight in step.named_parameters()}
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    return {f"{i}/{what}" for i, weight in enumerate(weights) if names[id(weight)] in single
            for what in optimiser.state.get(weight, {}) if what != "step"}


def unsharded(step: Step, template: Step) -> Step:
    """A step with whole weights, in the processor's memory: `template`, a copy of it from before it
    was shared. All processes must call this together."""
    template.load_state_dict(whole(step.state_dict(), step.single))
    return template


def copied(step: Step) -> Step:
    """A copy of a step that is not sharded yet, in the processor's memory."""
    return copy.deepcopy(step).cpu()
