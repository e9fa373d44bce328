"""The autoencoder of N-BaIoT's paper (Meidan et al. 2018, doi:10.1109/MPRV.2018.03367731), and the scale that its swarm agrees on.

Layers of 75, 50, 33 and 25 % of the inputs and back. It is trained on benign rows alone; how badly it draws a row says how unusual that is.
"""

from itertools import pairwise

import torch
from torch import nn

SHARES = (0.75, 0.5, 0.33, 0.25, 0.33, 0.5, 0.75)
HALF = 128
"""Means and deviations each fill a multiple of it, so that both together fill whole blocks of the grid."""
LEAST_DEVIATION = 0.02
"""What hardly ever varies counts as varying by this: a feature that is constant in benign traffic must not weigh without bound."""
FURTHEST = 10.0
"""Deviations beyond which a feature is not told apart."""


class Autoencoder(nn.Module):
    """From rows float32[n, features] to how badly each is drawn, float32[n]: the mean square over the standardised features.

    ``agreed`` holds the mean of every feature and behind it the deviation. It is part of the model, but no gradient moves it: nodes send
    how far their own data's figures are from it.
    """

    agreed: torch.Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("agreed", torch.zeros(2 * padded(features)))
        widths = (features, *(max(1, int(features * share)) for share in SHARES), features)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.Tanh()]
        self.layers = nn.Sequential(*layers[:-1])

    def standardised(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows in deviations from the mean, as the swarm agreed on them."""
        mean, deviation = self.agreed.view(2, -1)[:, : self.features]
        away: torch.Tensor = (rows - mean) / deviation.clamp(min=LEAST_DEVIATION)
        return away.clamp(-FURTHEST, FURTHEST)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """How badly each row is drawn."""
        wanted = self.standardised(rows)
        missed: torch.Tensor = (self.layers(wanted) - wanted) ** 2
        return missed.mean(1)


def padded(features: int) -> int:
    """Coordinates that the means take, and the deviations."""
    return -(-features // HALF) * HALF
