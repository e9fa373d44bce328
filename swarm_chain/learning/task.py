"""Tasks by name, ready to use, and what is needed to write and read others."""

import sys
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from swarm_chain.errors import ConfigurationError, SwarmChainError
from swarm_chain.learning.anomaly import READY
from swarm_chain.learning.images import CIFAR10, DIGITS, DIGITS_LINEAR, FASHION, LINEAR, MNIST, Images, ImageTask
from swarm_chain.learning.manifest import LARGEST_MANIFEST, Local, Network, Numbers, Task, he_uniform, register

__all__ = [
    "CIFAR10",
    "DIGITS",
    "DIGITS_LINEAR",
    "FASHION",
    "LARGEST_MANIFEST",
    "LINEAR",
    "MNIST",
    "TASKS",
    "ImageTask",
    "Images",
    "Local",
    "Network",
    "Numbers",
    "Task",
    "he_uniform",
    "register",
    "run_task_file",
]


def run_task_file(path: Path) -> None:
    """Runs a Python file that the user named, once, and offers its tasks by name: it registers a kind, and its ``TASKS`` are ready to use.

    Raises ConfigurationError where it cannot be run, or has none.
    """
    remedy, name = "Mend the file; docs/cookbook.md shows one.", f"swarm_chain_task_file_{sha256(bytes(path.absolute())).hexdigest()}"
    if name in sys.modules:
        return
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"The task file {path} is not a .py file.", do=remedy)
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        tasks = getattr(module, "TASKS", None)
        if not isinstance(tasks, list | tuple) or not tasks or not all(isinstance(task, Task) for task in tasks):
            raise ConfigurationError(f"The task file {path} has no TASKS, a list of tasks.", do=remedy)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, SwarmChainError) or not isinstance(error, Exception):
            raise
        raise ConfigurationError(f"The task file {path} cannot be run: {type(error).__name__}: {error}.", do=remedy) from error
    TASKS.update({task.name: task for task in tasks})


TASKS: dict[str, Task] = {task.name: task for task in (DIGITS, DIGITS_LINEAR, MNIST, FASHION, CIFAR10, *READY.values())}
"""Tasks by name; change one with ``dataclasses.replace``."""
