"""A node's copies of its group's models for other programs: a safetensors file a round, the newest few of them.

A checkpoint is for people. The node itself goes on from its store, whose models are verified by their digests.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from swarm_chain.learning.manifest import Task
from swarm_chain.learning.tensors import to_values
from swarm_chain.node.status import not_worth_stopping_for
from swarm_chain.storage.cid import digest_of
from swarm_chain.types import Round

FOLDER = "checkpoints"


class Checkpoints:
    """Keeps ``checkpoints/round-000012.safetensors`` in a node's home.

    A file holds the network's tensors by the names of its state dict, float32; its metadata say of which round, result and manifest they
    are, as ``round``, ``result_hash`` and ``manifest_digest``.

    Args:
        home: of the node.
        task: of its group.
        keep: so many of the newest rounds; 0 writes none.
    """

    def __init__(self, home: Path, task: Task, keep: int) -> None:
        self._folder = home / FOLDER
        self._task = task
        self._manifest = digest_of(task.encode())
        self._keep = keep

    def path(self, round_: Round) -> Path:
        """Where a round's checkpoint lies."""
        return self._folder / f"round-{round_:06d}.safetensors"

    def save(self, round_: Round, result_hash: bytes, weights: NDArray[np.int32]) -> None:
        """Writes the model that a round came to (int32[d]), whole or not at all, and removes the oldest; a full disk costs only this."""
        if not self._keep:
            return
        values = to_values(weights, self._task.numbers.fraction_bits)
        tensors = {name: np.asarray(part, np.float32) for name, part in self._task.layout().parts(values).items()}
        said = {
            "round": str(round_),
            "result_hash": f"0x{result_hash.hex()}",
            "manifest_digest": f"0x{self._manifest.hex()}",
            "format": "pt",
        }
        path = self.path(round_)
        partial = path.with_suffix(".partial")
        with not_worth_stopping_for(path):
            try:
                self._folder.mkdir(exist_ok=True)
                with partial.open("wb") as file:
                    file.write(save(tensors, said))
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
            for old in sorted(self._folder.glob("round-*.safetensors"), key=lambda file: (len(file.name), file.name))[: -self._keep]:
                old.unlink()
