"""Traffic that is unusual: the kind of task ``anomaly``, an autoencoder that a swarm of devices trains on its benign rows.

The scale of the features is agreed by the same rounds as the weights: it is the first tensor of the model, and a node's update moves it
toward the mean and the deviation of the node's own rows. A round's rule bounds what any node's figures come to, as it does for a weight.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from swarm_chain.errors import DataError
from swarm_chain.learning.manifest import STRICT, Local, Network, Numbers, Seed, Task, register
from swarm_chain.learning.passes import OnStep, TrainedUpdate, loss_error
from swarm_chain.learning.tensors import Layout, layout_of, load_into, to_values
from swarm_chain.learning.traffic import N_BAIOT, NSL_KDD, SYNTHETIC, WIDTHS, Observed, Traffic, read
from swarm_chain.protocol.grid import BLOCK

if TYPE_CHECKING:
    import torch

    from swarm_chain.learning.autoencoder import Autoencoder

EVALUATION_BATCH = 4096


@dataclass(frozen=True, config=STRICT)
class Observing:
    """Which traffic, of which width, and how nodes share it: with several parts each has one device's, or one group of services'."""

    source: Literal["nsl-kdd", "n-baiot", "iot-synthetic"]
    features: Annotated[int, Field(ge=1, le=4096)]
    parts: Annotated[int, Field(ge=1, le=255)]
    seed: Seed
    held_out_one_in: Annotated[int, Field(ge=2, le=1_000)]

    @model_validator(mode="after")
    def _of_its_width(self) -> Self:
        if self.features != WIDTHS[self.source]:
            raise ValueError(f"{self.source} has {WIDTHS[self.source]} features")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AnomalyTask(Task):
    """An autoencoder of benign traffic; its metric is the share of the held-out rows' variance that it draws."""

    kind: ClassVar[str] = "anomaly"

    traffic: Observing
    metric: Literal["explained-variance"] = "explained-variance"

    @property
    def parts(self) -> int:
        """Nodes that the traffic is shared by."""
        return self.traffic.parts

    def dealt_to(self, parts: int) -> Self:
        """The same task for so many nodes."""
        return replace(self, traffic=replace(self.traffic, parts=parts))

    def model(self) -> "Autoencoder":
        """The autoencoder, with parameters that are not yet a group's."""
        from swarm_chain.learning.autoencoder import Autoencoder

        return Autoencoder(self.traffic.features)

    def layout(self) -> Layout:
        """``agreed`` first, then the layers."""
        return layout_of(self.model().state_dict())

    def initial_exponents(self) -> NDArray[np.int8]:
        """As for any task, but coarser for what is agreed of the features, which is far from its first value, 0."""
        from swarm_chain.learning.autoencoder import padded

        exponents = super().initial_exponents()
        exponents[: 2 * padded(self.traffic.features) // BLOCK] = max(self.numbers.min_exponent, self.numbers.initial_exponent - 3)
        return exponents

    def load(self, folder: Path | None) -> Observed:
        """The traffic that the manifest names; attacks, which no node learns from, are left where they are."""
        return read(self.traffic.source, folder, attacks=False)

    def part(self, data: Observed, node: int) -> tuple[Traffic, Traffic]:
        """Node number ``node``'s own benign rows: those it trains on, and those it measures models with."""
        own, parts = data.train.benign(), self.traffic.parts
        if parts > 1:
            if not 0 <= node < parts or parts > len(data.names):
                raise DataError(
                    f"There is no part {node} of {parts}: this traffic is of {len(data.names)}.",
                    do=f"Take a part from 0 to {min(parts, len(data.names)) - 1}.",
                )
            own = own.take(own.devices == node)
        if len(own) < 2:
            raise DataError(
                "A node needs at least two benign rows: one to train on and one to measure with.", do="Give the node more data."
            )
        order = np.random.Generator(np.random.PCG64(self.traffic.seed)).permutation(len(own))
        held = max(1, len(own) // self.traffic.held_out_one_in)
        return own.take(order[held:]), own.take(order[:held])

    def train(
        self,
        weights: NDArray[np.int32],
        own: Traffic,
        seed: int,
        device: "torch.device | None",
        on_step: OnStep | None = None,
        *,
        stop: Callable[[], bool] | None = None,
    ) -> TrainedUpdate:
        """One local pass, from the first round on which the swarm has agreed on a scale; before, the update is the node's scale alone."""
        import torch

        from swarm_chain.learning.training import descend

        self._check(own)
        values, layout = to_values(weights, self.numbers.fraction_bits), self.layout()
        agreed = np.asarray(layout.parts(values)["agreed"], np.float32)
        if agreed.any():
            model, rows = self.model(), torch.from_numpy(own.rows).to(device)
            trained = descend(
                self, model, lambda indices: model(rows[torch.from_numpy(indices)]).sum(), len(own), weights, seed,
                device or torch.device("cpu"), on_step, stop=stop,
            )  # fmt: skip
        elif stop and stop():
            return TrainedUpdate(np.zeros_like(values), 0.0, 0, 0)
        else:
            trained = TrainedUpdate(np.zeros_like(values), 0.0, len(own), 1)
        if trained.steps:
            layout.parts(trained.delta)["agreed"][...] = scale_of(own.rows, agreed) - agreed
        return trained

    def evaluate(self, weights: NDArray[np.int32], held_out: Traffic, device: "torch.device | None") -> tuple[float, float]:
        """``(share of the rows' variance around the agreed mean that is drawn, mean square of what is not)``."""
        self._check(held_out)
        loss = float(self.errors(weights, held_out.rows, device).mean())
        there = float((self.standardised(weights, held_out.rows).astype(np.float64) ** 2).mean())
        if not np.isfinite(loss):
            raise loss_error(loss, "while measuring")
        return max(0.0, 1 - loss / there) if there else 0.0, loss

    def errors(self, weights: NDArray[np.int32], rows: NDArray[np.float32], device: "torch.device | None" = None) -> NDArray[np.float64]:
        """How badly each row is drawn, float64[n]: what detection goes by."""
        import torch

        model = self.model()
        load_into(model, weights, self.numbers.fraction_bits)
        model.to(device).eval()
        with torch.no_grad():
            pieces = [model(torch.from_numpy(piece).to(device)).cpu().numpy() for piece in _pieces(rows)]
        return np.concatenate(pieces).astype(np.float64)

    def standardised(self, weights: NDArray[np.int32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows on the scale that the swarm agreed on."""
        import torch

        model = self.model()
        load_into(model, weights, self.numbers.fraction_bits)
        return np.asarray(model.standardised(torch.from_numpy(rows)).numpy(), np.float32)

    def _check(self, traffic: Traffic) -> None:
        if not len(traffic) or traffic.rows.shape[1] != self.traffic.features:
            raise DataError(
                f"The task wants rows of {self.traffic.features} features; there are {traffic.rows.shape}.",
                do="Give the data that the task names.",
            )


register(AnomalyTask)


def scale_of(rows: NDArray[np.float32], agreed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each feature and root mean square around the *agreed* mean, laid out as ``agreed``.

    Around the agreed mean, so that the swarm's deviation covers what tells its nodes apart too.
    """
    half, features = len(agreed) // 2, rows.shape[1]
    scale = np.zeros_like(agreed)
    centre = agreed[:features] if agreed.any() else rows.mean(0, dtype=np.float64)
    scale[:features] = rows.mean(0, dtype=np.float64)
    scale[half : half + features] = np.sqrt(((rows - centre) ** 2).mean(0, dtype=np.float64))
    return scale


def _pieces(rows: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [rows[start : start + EVALUATION_BATCH] for start in range(0, len(rows), EVALUATION_BATCH)]


def _task(source: Literal["nsl-kdd", "n-baiot", "iot-synthetic"], parts: int, steps: int) -> AnomalyTask:
    return AnomalyTask(
        name=source,
        traffic=Observing(source, WIDTHS[source], parts, seed=1, held_out_one_in=10),
        network=Network("autoencoder", seed=1),
        local=Local("sgd", learning_rate=0.05, momentum=0.9, batch=64, steps=steps),
        numbers=Numbers(fraction_bits=24, min_exponent=0, max_exponent=20, initial_exponent=8),
    )


NSL_KDD_TASK = _task(NSL_KDD, parts=5, steps=60)
N_BAIOT_TASK = _task(N_BAIOT, parts=9, steps=60)
SYNTHETIC_TASK = _task(SYNTHETIC, parts=5, steps=40)
READY = {task.name: task for task in (NSL_KDD_TASK, N_BAIOT_TASK, SYNTHETIC_TASK)}
"""Ready to use, by the name of their traffic."""
