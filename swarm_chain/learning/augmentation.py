"""Images as training sees them: cut at random out of a larger frame, and mirrored (as in He et al. 2016, arXiv:1512.03385, section 4.2).

What happens to which image is drawn from the local seed in NumPy, so it is the same on every machine. It is done in torch, on the device
that trains.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

from swarm_chain.learning.images import Images

STREAM = 1
"""Of the seed's streams; the order of the images is its own."""


def drawn(order: Iterator[NDArray[np.int64]], images: Images, seed: int) -> Iterator[NDArray[np.int64]]:
    """Batches int64[n, 4] for batches of indices int64[n]: index, top and left of the cut in the larger frame, and 1 if it is mirrored."""
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(STREAM,))))
    for indices in order:
        corners = random.integers(0, 2 * images.crop_padding, (len(indices), 2), endpoint=True)
        mirrored = random.integers(0, int(images.flip), (len(indices), 1), endpoint=True)
        yield np.concatenate([indices[:, None], corners, mirrored], axis=1)


def augment(images: torch.Tensor, how: NDArray[np.int64], padding: int) -> torch.Tensor:
    """Images float32[n, channels, height, width] cut out and mirrored as ``how``, int64[n, 3], says: top, left, 1 if mirrored."""
    count, _, height, width = images.shape
    top, left, mirrored = torch.from_numpy(how).to(images.device).unbind(1)
    rows = top[:, None] + torch.arange(height, device=images.device)
    along = torch.arange(width, device=images.device)
    columns = left[:, None] + torch.where(mirrored[:, None] == 1, along.flip(0), along)
    frame = pad(images, (padding,) * 4)
    which = torch.arange(count, device=images.device)
    return frame[which[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
