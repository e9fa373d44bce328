"""The cookbook's kind ``ring`` for a machine without Keras: the layout written out, the same pass in NumPy."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from swarm_chain.learning.keras_models import initial_weights
from swarm_chain.learning.manifest import STRICT, Task, register
from swarm_chain.learning.passes import TrainedUpdate, batches
from swarm_chain.learning.tensors import Layout, to_values


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Ring(Task):
    kind: ClassVar[str] = "ring"
    parts: ClassVar[int] = 3
    width: int

    def layout(self):
        names = ("ring/hidden/bias", "ring/hidden/kernel", "ring/inside/bias", "ring/inside/kernel")
        return Layout(names, ((self.width,), (2, self.width), (1,), (self.width, 1)))

    def initial_weights(self):
        return initial_weights(self.layout(), self.numbers.fraction_bits, self.network.seed)

    def load(self, folder):
        points = np.random.Generator(np.random.PCG64(7)).normal(size=(1200, 2))
        return np.c_[points, (points**2).sum(1) < 1.4].astype(np.float32)

    def part(self, data, node):
        own = data[node :: self.parts]
        return own[40:], own[:40]

    def train(self, weights, own, seed, device, on_step=None, *, stop=None):
        start = to_values(weights, self.numbers.fraction_bits)
        trained, velocity, losses = start.copy(), np.zeros_like(start), []
        order = batches(len(own), self.local.batch, seed)
        while len(losses) < self.local.steps and not (stop and stop()):
            loss, gradient = self.loss_and_gradient(trained, own[next(order)])
            velocity = np.float32(self.local.momentum) * velocity - np.float32(self.local.learning_rate) * gradient
            trained += velocity
            losses.append(loss)
        return TrainedUpdate(trained - start, float(np.mean(losses)), len(own), len(losses))

    def evaluate(self, weights, held_out, device):
        values = to_values(weights, self.numbers.fraction_bits)
        _, shares = self.shares(values, held_out)
        return float(((shares > 0.5) == held_out[:, 2:]).mean()), self.loss_and_gradient(values, held_out)[0]

    def device(self, name):
        return None

    def shares(self, values, rows):
        """Of the hidden layer float32[n, width], and of being inside float32[n, 1]."""
        hidden_bias, hidden_kernel, inside_bias, inside_kernel = self.layout().parts(values).values()
        hidden = np.tanh(rows[:, :2] @ hidden_kernel + hidden_bias)
        return hidden, 1 / (1 + np.exp(-(hidden @ inside_kernel + inside_bias)))

    def loss_and_gradient(self, values, rows):
        """Mean cross-entropy, and its gradient float32[d]."""
        hidden, shares = self.shares(values, rows)
        chosen = np.where(rows[:, 2:] == 1, shares, 1 - shares)
        back = (shares - rows[:, 2:]) / len(rows)
        through = back @ self.layout().parts(values)["ring/inside/kernel"].T * (1 - hidden**2)
        pieces = through.sum(0), rows[:, :2].T @ through, back.sum(0), hidden.T @ back
        return -float(np.log(chosen).mean()), np.concatenate([piece.ravel() for piece in pieces]).astype(np.float32)


register(Ring)
