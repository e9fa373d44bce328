"""What ``swarm-chain demo iot`` shows at its end: what the swarm detects, beside nodes alone and all data in one place."""

from swarm_chain.cli import present
from swarm_chain.cli.demo_report import kept
from swarm_chain.cli.detection_report import alarms, areas, compare, png
from swarm_chain.cli.rounds import read_lines, show_lines
from swarm_chain.errors import LearningError


def report(names: tuple[str, ...], rounds: int, seconds: float) -> None:
    """Measures the last agreed model, trains the nodes alone and in one place, and shows all.

    Args:
        names: of the demo's nodes.
        rounds: that were trained.
        seconds: that the swarm took.

    Raises:
        LearningError: no round came to a final result.
    """
    from swarm_chain.cli.ledger import read_ledger
    from swarm_chain.cli.rewards import show_ledger
    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.wiring import open_swarm
    from swarm_chain.learning.anomaly import AnomalyTask
    from swarm_chain.learning.devices import use_threads
    from swarm_chain.learning.together import in_one_place, rounds_of
    from swarm_chain.learning.traffic import SYNTHETIC, read
    from swarm_chain.protocol.rules import RULES

    swarm = open_swarm(Settings.load())
    group = swarm.group(1)
    task, models = kept(swarm, group, names[0])
    if not models or not isinstance(task, AnomalyTask):
        raise LearningError("No round came to a final result.", f"All is kept in {swarm.home}.", f"See {swarm.home.logs}.")
    device, agreed = swarm.settings.device, list(models.values())[-1].weights
    use_threads(1)  # a network this small gains nothing from more
    data = read(task.traffic.source, swarm.settings.data)
    own = [task.part(data, node)[0] for node in range(task.parts)]
    with present.progress("To compare with", len(own) + 1, lines=False) as step:
        step("all data in one place")
        everything = data.train.take(data.train.devices < task.parts).benign()
        central = in_one_place(task, everything, task.local.steps * rounds * len(own), device)
        alone = []
        for node, rows in enumerate(own):
            step(f"{names[node]} alone")
            *_, last = rounds_of(task, [rows], rounds, RULES["mean"], device)
            alone.append(last)
    compared = compare(task, data, agreed, central, alone)
    label = f"{task.name}: SYNTHETIC traffic" if task.traffic.source == SYNTHETIC else task.name
    picture = swarm.home.path / "pictures" / "detection.png"
    picture.parent.mkdir(exist_ok=True)
    png(picture, compared, f"{len(names)} nodes watch traffic together ({label})")

    show_lines(group.group, [line for line in read_lines(swarm, group) if line.round <= rounds])
    for title, columns, rows_ in (areas(compared), *alarms(task, data, agreed)):
        present.table(f"{title} – {label}", columns, rows_)
    swarm_area, central_area = compared.curves["swarm"].auc, compared.curves["all data in one place"].auc
    present.out.print(
        f"The swarm's area under the ROC is [bold]{swarm_area:.3f}[/] after {rounds} rounds and {seconds:.0f} s;"
        f" nodes alone come to {compared.alone_mean():.3f}, all data in one place to {central_area:.3f}.",
        soft_wrap=True,
    )
    present.print_plain(f"Picture: {picture}\n")
    show_ledger(swarm, group.group, read_ledger(swarm.contracts, group.group))
