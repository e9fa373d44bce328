"""The duty to train: from the parent's model to an update on the group's grid."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from swarm_chain.learning.local import evaluate, train
from swarm_chain.learning.passes import OnStep
from swarm_chain.node.member import Member
from swarm_chain.protocol.grid import Codes, quantise
from swarm_chain.protocol.model import Model
from swarm_chain.types import Round

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What a node learnt in a round.

    Attributes:
        codes: int8[d] on the parent's grid.
        residual: float32 bytes of what quantising left out, for the next update.
        metric: of the parent on the node's held-out images, in millionths.
        loss: mean over the steps.
    """

    codes: Codes
    residual: bytes
    samples: int
    metric: int
    loss: float


def train_update(
    member: Member, round_: Round, parent: Model, on_step: OnStep | None = None, stop: Callable[[], bool] | None = None
) -> Update | None:
    """Trains on the parent and puts what was learnt, and what earlier quantising left out, on its grid.

    Returns:
        ``None`` if it was stopped before the first step.

    Raises:
        NumericError: training came to NaN or infinity, or out of range.
        DataError: the images do not fit the task.
        OutOfMemoryError: the device's memory does not hold the training of one image.
    """
    task = member.task
    accuracy, _ = evaluate(task, parent.weights, member.held_out, member.device)
    seed = task.local_seed(member.part, round_)
    trained = train(task, parent.weights, member.own, seed, member.device, on_step, stop=stop)
    if not trained.steps:
        return None
    left_out = member.journal.residual(before=round_)
    values = trained.delta if left_out is None else trained.delta + np.frombuffer(left_out, np.float32)
    codes, residual = quantise(values, parent.exponents)
    return Update(codes, residual.tobytes(), trained.samples, round(accuracy * MILLION), trained.loss)
