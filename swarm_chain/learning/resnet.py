"""A small residual network (He et al. 2016, arXiv:1512.03385) that normalises groups of channels (Wu, He 2018, arXiv:1803.08494).

Nothing in it is a running statistic, and what it says of an image depends on no other image of a batch. Each block normalises first (He et
al. 2016, arXiv:1603.05027), and so do the scores: with first weights of :func:`swarm_chain.learning.manifest.he_uniform` alone, what blocks
add up to would begin as scores far from 0.
"""

import torch
from torch import nn

WIDTHS = (32, 64, 128)
"""Channels of the three blocks; the second and third halve height and width."""
GROUPS = 8


class ResNet(nn.Module):
    """From images float32[n, channels, height, width] to scores float32[n, classes].

    A convolution, three blocks of two, and a linear layer: eight in all; 308,266 parameters for three channels and ten classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.stem = _convolution(channels, first)
        self.blocks = nn.Sequential(Block(first, first, 1), Block(first, second, 2), Block(second, third, 2))
        self.norm = nn.GroupNorm(GROUPS, third)
        self.scores = nn.Linear(third, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores of the classes."""
        found: torch.Tensor = self.norm(self.blocks(self.stem(images))).relu()
        scores: torch.Tensor = self.scores(found.mean((2, 3)))
        return scores


class Block(nn.Module):
    """Two convolutions, beside them what came in; a convolution of 1 x 1 brings that to the block's shape where it has another."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(GROUPS, before),
            nn.ReLU(),
            _convolution(before, width, stride),
            nn.GroupNorm(GROUPS, width),
            nn.ReLU(),
            _convolution(width, width),
        )
        same = stride == 1 and before == width
        self.shortcut: nn.Module = nn.Identity() if same else nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """What came in, and what the layers make of it."""
        added: torch.Tensor = self.layers(images) + self.shortcut(images)
        return added


def _convolution(before: int, width: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, width, 3, stride, padding=1, bias=False)  # the normalisation behind it has a bias
