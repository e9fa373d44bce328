"""Differentially private SGD (Abadi et al. 2016, arXiv:1607.00133): what of a local pass keeps a node's samples to itself.

A step takes every sample with the same probability, clips each one's gradient, adds noise to their sum, and divides by the number of
samples that it expects. What is learnt of all of them stays; what one sample alone could show drowns.

Sampling and noise come from the operating system's randomness and never from the round's seed: that follows from the manifest, so everybody
knows it, and could take the noise off again. A pass is therefore another one whenever it is done again.
"""

import secrets
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from swarm_chain.learning.manifest import Local, Privacy

Floats = NDArray[np.float32]

KEY_BITS = 128


def sampling_rate(local: Local, count: int) -> float:
    """The probability with which a step takes each of a node's ``count`` samples, so that ``local.batch`` are expected; at most 1."""
    return min(1.0, local.batch / max(count, 1))


class SampledGaussian:
    """The mechanism of one local pass.

    Args:
        privacy: clipping norm and noise multiplier.
        local: says how many samples a step expects.
        count: samples that the node has.
        random: other randomness than the operating system's, to look at the mechanism with.
    """

    def __init__(self, privacy: Privacy, local: Local, count: int, random: np.random.Generator | None = None) -> None:
        # A key as long as nobody guesses; seeds of torch's generator on the CPU have 32 bits that count.
        self._random = random or np.random.Generator(np.random.Philox(key=secrets.randbits(KEY_BITS)))
        self._privacy = privacy
        self._count = count
        self.rate = sampling_rate(local, count)
        self.expected = self.rate * count
        """Samples of a step, on average."""

    def batches(self) -> Iterator[NDArray[np.int64]]:
        """Indices of ever new Poisson samples, int64[n]: each sample by itself, with probability ``rate``. One can be empty."""
        while True:
            yield np.flatnonzero(self._random.random(self._count) < self.rate)

    def factors(self, norms: NDArray[np.floating]) -> Floats:
        """What gradients of these L2 norms, float[n], are multiplied by so that none has more than the clipping norm, float32[n].

        0 where a norm is not finite, and such a gradient must be left out: an error would tell that there is such a sample.
        """
        finite = np.isfinite(norms)
        return np.where(finite, self._privacy.clip / np.maximum(np.where(finite, norms, 0), self._privacy.clip), 0).astype(np.float32)

    def noise(self, size: int) -> Floats:
        """Noise for a sum of clipped gradients, float32[size]: normal, with standard deviation ``noise * clip``."""
        return self._random.standard_normal(size, np.float32) * np.float32(self._privacy.noise * self._privacy.clip)


def mechanism(local: Local, count: int) -> SampledGaussian | None:
    """The mechanism of a local pass over ``count`` samples; ``None`` where the task has no privacy."""
    return None if local.privacy is None else SampledGaussian(local.privacy, local, count)
