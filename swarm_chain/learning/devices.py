"""Which device trains: CUDA, else Apple's MPS, else the CPU, or the one asked for."""

from typing import TYPE_CHECKING

from swarm_chain.errors import ConfigurationError

if TYPE_CHECKING:
    import torch


def pick(name: str = "auto") -> "torch.device":
    """The device called ``name`` ("auto", "cpu", "cuda", "cuda:1", "mps"). ConfigurationError if this machine has no such device."""
    import torch

    if name == "auto":
        return torch.device(next(kind for kind, count in _present().items() if count))
    kind, _, number = name.partition(":")
    count = _present().get(kind, 0)
    if (number and not number.isdecimal()) or int(number or 0) >= count:
        have = ", ".join(kind for kind, count in _present().items() if count)
        raise ConfigurationError(f"There is no device {name!r} on this machine.", do=f"Choose auto, or one of: {have}.")
    return torch.device(name)


def use_threads(count: int) -> None:
    """Lets torch use ``count`` CPU threads in this process. Several nodes on one machine are fastest with one each."""
    import torch

    torch.set_num_threads(count)


def _present() -> dict[str, int]:
    """How many devices of each kind there are, best kind first."""
    import torch

    return {"cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0, "mps": int(torch.backends.mps.is_available()), "cpu": 1}
