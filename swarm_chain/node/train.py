"""The duty to train: from the parent's model to an update on the group's grid."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from swarm_chain.learning.encoding import Carried, encode_update
from swarm_chain.learning.passes import OnStep
from swarm_chain.node.journal import JournaledCommit
from swarm_chain.node.member import Member
from swarm_chain.protocol.grid import Codes
from swarm_chain.protocol.model import Model
from swarm_chain.types import Round

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What a node learnt in a round.

    Attributes:
        codes: int8[d] on the parent's grid, of those that the group's codec can express.
        residual: float32 bytes of what the codes leave out, for the next update.
        momentum: float32 bytes of the momentum over rounds, for the next update; ``None`` where the task has none.
        metric: of the parent on the node's held-out data, in millionths.
        loss: mean over the steps.
        steps: as many as were done.
    """

    codes: Codes
    residual: bytes
    momentum: bytes | None
    samples: int
    metric: int
    loss: float
    steps: int


def train_update(
    member: Member, round_: Round, parent: Model, on_step: OnStep | None = None, stop: Callable[[], bool] | None = None
) -> Update | None:
    """Trains on the parent and puts what was learnt, with worker momentum and what earlier updates left out, on its grid.

    Returns:
        ``None`` if it was stopped before the first step.

    Raises:
        NumericError: training came to NaN or infinity, or out of range.
        DataError: the data do not fit the task.
        OutOfMemoryError: the device's memory does not hold the training of one sample.
    """
    task = member.task
    metric, _ = task.evaluate(parent.weights, member.held_out, member.device)
    seed = task.local_seed(member.part, round_)
    trained = task.train(parent.weights, member.own, seed, member.device, on_step, stop=stop)
    if not trained.steps:
        return None
    last = member.journal.last_update(before=round_)
    codes, carried = encode_update(task, trained.delta, None if last is None else _carried(last), parent.exponents)
    momentum = None if carried.momentum is None else carried.momentum.tobytes()
    return Update(codes, carried.residual.tobytes(), momentum, trained.samples, round(metric * MILLION), trained.loss, trained.steps)


def _carried(last: JournaledCommit) -> Carried | None:
    if last.residual is None:
        return None
    momentum = None if last.momentum is None else np.frombuffer(last.momentum, np.float32)
    return Carried(np.frombuffer(last.residual, np.float32), momentum)
