"""What the demo shows at its end: what was learnt, agreed and paid."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from swarm_chain.cli import chart, present
from swarm_chain.cli.live_table import percent, read_rounds
from swarm_chain.cli.rounds import read_lines, show_lines
from swarm_chain.cli.swarm_home import SwarmHome

if TYPE_CHECKING:
    from swarm_chain.chain.groups import Group
    from swarm_chain.cli.wiring import Swarm
    from swarm_chain.learning.task import Task
    from swarm_chain.protocol.model import Model

STEPS_SHOWN = 50
"""Steps of central training between two moves of its bar."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Accuracies on the test images, 0 to 1: of the agreed models by result hash, of the network trained in one place."""

    agreed: dict[bytes, float]
    central: float


def report(names: tuple[str, ...], rounds: int, task: str, seconds: float) -> None:
    """Measures the agreed models, trains the same network in one place, and shows all.

    Args:
        names: of its nodes.
        rounds: that were trained.
        task: its name.
        seconds: that the swarm took.
    """
    from swarm_chain.cli.ledger import read_ledger
    from swarm_chain.cli.rewards import show_ledger
    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(Settings.load())
    home = swarm.home
    group = swarm.group(1)
    measured = measure(swarm, group, names[0], len(names) * rounds)
    lines = [
        replace(line, accuracy=measured.agreed.get(line.result_hash or b"")) for line in read_lines(swarm, group) if line.round <= rounds
    ]
    values = [line.accuracy for line in lines if line.accuracy is not None]
    picture = home.path / "pictures" / "accuracy.png"
    picture.parent.mkdir(exist_ok=True)
    by_node = [_accuracies(home, name, rounds) for name in names]
    chart.png(picture, values, by_node=by_node, reference=measured.central, title=f"{len(names)} nodes learn {task} together")

    show_lines(group.group, lines)
    present.out.print("[bold]Accuracy of the agreed model on the test images[/]\n")
    present.print_plain(chart.text(values, reference=measured.central))
    last = percent(values[-1] if values else None)
    present.out.print(
        f"\nThe swarm reached [bold]{last}[/] in {len(lines)} rounds and {seconds:.0f} s."
        f" The same network, trained in one place for as many passes: [bold]{percent(measured.central)}[/].",
        soft_wrap=True,
    )
    present.print_plain(f"Picture: {picture}\n")
    show_ledger(swarm, group.group, read_ledger(swarm.contracts, group.group))
    present.table("Contracts", ("contract", "address"), list(swarm.contracts.deployment.addresses.items()))


def measure(swarm: "Swarm", group: "Group", name: str, passes: int) -> Measured:
    """Test accuracy of every final result's model, and of the same network trained on all images in one place.

    Args:
        swarm: whose folder holds the node's store; the node must not run.
        group: that was trained.
        name: of the node that gives the models.
        passes: how many times a node's steps to train centrally.
    """
    from swarm_chain.learning.devices import pick, use_threads
    from swarm_chain.learning.task import ImageTask
    from swarm_chain.learning.training import central, evaluate

    task, models = kept(swarm, group, name)
    assert isinstance(task, ImageTask)  # what the demo created
    data = task.load(swarm.settings.data)
    total = task.local.steps * passes
    device = pick(swarm.settings.device)
    use_threads(1)  # a network this small gains nothing from more, and loses much where others use the machine
    with present.progress("The same network in one place", total // STEPS_SHOWN, lines=False) as step:
        trained = central(
            task, data.train, total, device, on_step=lambda number, of, loss: None if number % STEPS_SHOWN else step(f"{number} of {of}")
        )
    with present.progress("Testing the agreed models", len(models), lines=False) as step:
        agreed = {}
        for result, model in models.items():
            step(present.short(result))
            agreed[result] = evaluate(task, model.weights, data.test, device)[0]
    return Measured(agreed, evaluate(task, trained, data.test, device)[0])


def kept(swarm: "Swarm", group: "Group", name: str) -> "tuple[Task, dict[bytes, Model]]":
    """The group's task, and the model of every final result by its hash, the last one last, as a node's store has them; it must not run."""
    from swarm_chain.learning.task import LARGEST_MANIFEST, Task
    from swarm_chain.protocol.model import decode_model, model_size
    from swarm_chain.storage.embedded import EmbeddedStore

    finals, terms = swarm.contracts.rounds.finals(group.group), group.terms
    store = EmbeddedStore(swarm.home.node(name) / "store")
    try:
        task = Task.decode(store.get(group.manifest_digest, LARGEST_MANIFEST))
        models = {
            hash_: decode_model(store.get(result.model_digest, model_size(terms.dimension)), terms.dimension, terms.fraction_bits)
            for hash_, result in finals
            if store.has(result.model_digest)
        }
    finally:
        store.close()
    return task, models


def _accuracies(home: SwarmHome, name: str, rounds: int) -> list[float | None]:
    """What a node measured on its held-out images, by round."""
    figures = read_rounds(home.node(name))
    return [figures[number]["accuracy"] if number in figures else None for number in range(1, rounds + 1)]
