"""``swarm-chain rounds``: what each round of a group came to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.types import Phase, Round

if TYPE_CHECKING:
    from swarm_chain.chain.groups import Group
    from swarm_chain.cli.wiring import Swarm

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class RoundLine:
    """A round.

    Attributes:
        metric: agreed measure of the model that its updates were trained on, 0 to 1.
        accuracy: of the model that it gave, as the nodes of this folder measured it.
        paid: in wei.
    """

    round: Round
    outcome: str
    result_hash: bytes | None = None
    included: tuple[int, ...] = ()
    metric: float | None = None
    accuracy: float | None = None
    paid: int = 0


def rounds(
    group: options.Group = None,
    last: Annotated[int, typer.Option(min=1, help="How many, the newest.")] = 20,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    as_json: options.Json = False,
) -> None:
    """Show a group's rounds: result hash, who is in, metric, what was paid.

    The metric is of the model that the round's updates were trained on, as their nodes measured it on their own held-out data and agreed.
    The accuracy is of the model that came out of it, where nodes of this swarm folder measured it.

    Example: `swarm-chain rounds --group 1 --json`
    """
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment, group=group))
    found = swarm.group()
    lines = read_lines(swarm, found)[-last:]
    if as_json:
        present.as_json(
            [
                {
                    "round": line.round,
                    "outcome": line.outcome,
                    "result_hash": line.result_hash,
                    "included": line.included,
                    "metric": line.metric,
                    "accuracy": line.accuracy,
                    "paid": str(line.paid),
                }
                for line in lines
            ]
        )
        return
    show_lines(found.group, lines)


def show_lines(group: int, lines: list[RoundLine]) -> None:
    """The table of rounds."""
    from swarm_chain.cli.live_table import percent

    rows = [
        (
            str(line.round),
            line.outcome,
            "–" if line.result_hash is None else "0x" + line.result_hash.hex(),
            str(len(line.included)) if line.result_hash else "–",
            percent(line.metric),
            percent(line.accuracy),
            present.tokens(line.paid) if line.paid else "–",
        )
        for line in lines
    ]
    present.table(f"Rounds of group {group}", (">round", "outcome", "result hash", ">updates", ">metric", ">accuracy", ">paid"), rows)


def read_lines(swarm: "Swarm", group: "Group") -> list[RoundLine]:
    """Every round of a group, the first first."""
    from swarm_chain.chain.connection import block
    from swarm_chain.chain.events import RoundFinal, RoundPaid, RoundVoid, read_events, topic_of, topics
    from swarm_chain.chain.views import RING
    from swarm_chain.protocol.inclusion import seats_in

    contracts, number = swarm.contracts, group.group
    at = block(swarm.web3).number
    first = contracts.deployment.blocks[contracts.rounds.name]
    paid = {
        event.round: event.paid
        for event in read_events(contracts.rewards.logs([topics(RoundPaid), topic_of(number)], first, at))
        if isinstance(event, RoundPaid)
    }
    accuracies, results = measured(swarm), {final.result_hash: final.result for final in contracts.rounds.finals(number, at)}
    lines = []
    for event in contracts.rounds.events(number, [RoundFinal, RoundVoid], first, at):
        if isinstance(event, RoundFinal):
            result, accuracy = results[event.result_hash], accuracies.get(event.result_hash)
            included = tuple(seats_in(result.included))
            metric = result.metric / MILLION
            lines.append(RoundLine(event.round, "final", event.result_hash, included, metric, accuracy, paid.get(event.round, 0)))
        elif isinstance(event, RoundVoid):
            lines.append(RoundLine(event.round, "void"))
    phase, head = contracts.views.phase(number, at), contracts.views.head(number, at)
    for open_round in range(max(head.settled_round + 1, phase.round - RING + 1), phase.round + 1):
        current = open_round == phase.round and phase.phase is not Phase.CLOSED
        lines.append(RoundLine(Round(open_round), phase.phase.name.lower() if current else "closed, not settled"))
    return lines


def measured(swarm: "Swarm") -> dict[bytes, float]:
    """Accuracy of each result by its hash: the mean over this folder's nodes that measured it."""
    from swarm_chain.cli.live_table import read_rounds

    found: dict[bytes, list[float]] = {}
    for name in swarm.names.values():
        for entry in read_rounds(swarm.home.node(name)).values():
            if entry["result_hash"] and entry["accuracy"] is not None:
                found.setdefault(bytes.fromhex(entry["result_hash"][2:]), []).append(entry["accuracy"])
    return {result: sum(values) / len(values) for result, values in found.items()}
