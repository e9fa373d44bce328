"""Networks by name: ordinary ``torch.nn.Module``s.

None keeps running statistics (no BatchNorm): whatever a network learns is in its parameters, so averaging them averages the network.
"""

from typing import TYPE_CHECKING

from swarm_chain.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import nn

NAMES = ("cnn", "mlp", "mlp-32", "resnet8")
Shape = tuple[int, int, int]
"""Channels, height, width of one image."""


def build(name: str, shape: Shape, classes: int) -> "nn.Module":
    """The network ``name``, from images float32[n, *shape] to scores float32[n, classes]; its parameters are not yet a group's."""
    if name == "cnn":
        return _cnn(shape, classes)
    if name == "mlp":
        return _mlp(shape, classes)
    if name == "mlp-32":
        return _mlp(shape, classes, hidden=32)
    if name == "resnet8":
        from swarm_chain.learning.resnet import ResNet

        return ResNet(shape[0], classes)
    raise ConfigurationError(f"There is no network called {name!r}.", do=f"Choose one of: {', '.join(NAMES)}.")


def _cnn(shape: Shape, classes: int) -> "nn.Module":
    """Two convolutions and one linear layer; 20,746 parameters for 28 x 28 and ten classes."""
    from torch import nn

    channels, height, width = shape
    return nn.Sequential(
        nn.Conv2d(channels, 16, 5, padding=2),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * (height // 4) * (width // 4), classes),
    )


def _mlp(shape: Shape, classes: int, hidden: int = 64) -> "nn.Module":
    """One hidden layer."""
    from torch import nn

    channels, height, width = shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, hidden), nn.ReLU(), nn.Linear(hidden, classes))
