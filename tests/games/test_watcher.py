"""What a watcher does not touch, what it does about results that bind nobody, and how it goes on after a crash."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from claims import KINDS, Claim, Truth, coordinate, hidden_update
from play import Game, Onlooker
from rounds import EMPTY, HIDDEN, NORMAL
from table import WATCHER, Table

from swarm_chain.errors import ChainError
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.protocol.metric import weighted_median
from swarm_chain.protocol.mixtures import encode_choice
from swarm_chain.protocol.model import encode_model
from swarm_chain.protocol.scores import encode_scores
from swarm_chain.types import Reveal, Round

VOTES = Round(2)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    table = Table(tmp_path_factory.mktemp("table"))
    yield table
    table.close()


@pytest.fixture
def dispute(table: Table) -> Iterator[Callable[..., Game]]:
    """Begins a game of a kind, up to the close of the votes."""
    games: list[Game] = []

    def begin(build: Callable[[Truth], Claim], seed: int, *, behaviour: str = NORMAL, voters: int | None = None) -> Game:
        table.reset()
        KINDS["for this test"] = (build, behaviour)
        game = Game(table, seed, "for this test")
        games.append(game)
        game.prelude, game.colluders = False, voters or game.colluders
        game.begin()
        return game

    yield begin
    KINDS.pop("for this test", None)
    for game in games:
        game.close()


@pytest.mark.parametrize("name", ["metric", "model_digest"])
def test_what_no_proof_exists_for_is_said_and_left(dispute: Callable[..., Game], name: str) -> None:
    def bent(truth: Truth) -> Claim:
        value = {"metric": truth.result.metric + 1, "model_digest": b"\x01" * 32}[name]
        return Claim(replace(truth.result, **{name: value}), set(), truth.leaves())

    game = dispute(bent, 5)
    game.disputed_round()
    game.vote()
    game.watcher.look()
    (seen,) = game.watcher.told("unprovable")
    assert {other.what for other in game.watcher.seen} <= {"unprovable", "right", "unjudged"}  # bytes can come later than it has patience
    assert seen.result_hash == game.hash
    assert {"metric": "metric", "model_digest": "file"}[name] in seen.why
    due = game.group.contracts.views.round_at(game.group.id, VOTES).due
    anyone = game.table.deployer.address
    assert game.table.succeeds(anyone, game.group.contracts.rounds.finalize(game.group.id, game.claim.result), at=due)


def test_an_update_left_out_is_said_and_left(dispute: Callable[..., Game]) -> None:
    def without_one(truth: Truth) -> Claim:
        seats = sorted(truth.outcome.opened)
        kept = {seat: truth.outcome.opened[seat] for seat in seats[1:]}
        order = sorted(kept, key=lambda seat: truth.group.players[seat].address.lower())
        rows = [kept[seat] for seat in order]
        model, choice, scores = truth.of_rows(rows)
        claim = truth.claim(model, truth.leaves(model, rows), set())
        commits = {commit.seat: commit for commit in truth.group.commits(truth.round)}
        metric = weighted_median(
            [commits[seat].reveal.metric for seat in order],
            [commits[seat].weight for seat in order],
            [commits[seat].node for seat in order],
        )
        claim.result = replace(
            claim.result,
            included=sum(1 << seat for seat in kept),
            choice=b"" if choice is None else encode_choice(choice),
            scores=encode_scores(dict(zip(order, scores, strict=False))),
            metric=metric,
        )
        return claim

    game = dispute(without_one, 7)
    game.disputed_round()
    game.vote()
    game.watcher.look()
    (seen,) = game.watcher.told("unprovable")
    assert {other.what for other in game.watcher.seen} <= {"unprovable", "right", "unjudged"}  # bytes can come later than it has patience
    assert seen.result_hash == game.hash
    assert "leaves out" in seen.why


def test_an_included_update_that_cannot_be_fetched_is_not_judged(dispute: Callable[..., Game], monkeypatch: pytest.MonkeyPatch) -> None:
    game = dispute(lambda truth: replace(hidden_update(truth), faults=set()), 9, behaviour=HIDDEN)
    real = type(game.group).opened

    def all_available(group, round_: Round, index: int) -> Reveal:
        return replace(real(group, round_, index), available=2**256 - 1)

    monkeypatch.setattr(type(game.group), "opened", all_available)
    game.disputed_round()
    game.vote()
    game.watcher.patience = 3.0
    for _ in range(10):  # it counts its looks, however long they take here
        with pytest.raises(AssertionError, match="came to no end"):
            game.watcher.look()
        if game.watcher.seen:
            break
    assert {seen.what for seen in game.watcher.seen} == {"unjudged"}
    assert "was not fetched" in game.watcher.seen[0].why


def test_a_wrong_result_that_was_named_and_not_agreed_on_costs_its_voters_and_voids_nothing(dispute: Callable[..., Game]) -> None:
    game = dispute(coordinate, 11, voters=1)
    game.disputed_round()
    group, contracts = game.group, game.group.contracts
    everybody, honest = len(group.players), result_hash(group.domain, game.truth.result)
    group.commit(VOTES, [game.hash if index == 0 else honest for index in range(everybody)], [EMPTY] * everybody)
    # Seat 0 reveals first, so that its result leads and lies open for a while.
    group.reveal(VOTES, presented={0: game.claim.result, 1: None})
    game.table.must([(group.players[1].address, contracts.rounds.present(group.id, game.truth.result))])
    group.network.serve(group.players[0].endpoint, encode_model(game.claim.model))
    game.watcher.look()
    (struck,) = game.watcher.told("struck")
    assert struck.result_hash == game.hash
    assert [seen.result_hash for seen in game.watcher.told("right")] == [honest]
    assert contracts.views.head(group.id).struck_round == 0
    assert len(game.watcher.told("slashed")) == 1
    due = contracts.views.round_at(group.id, VOTES).due
    assert game.table.succeeds(game.table.deployer.address, contracts.rounds.finalize(group.id, game.truth.result), at=due)


def test_a_watcher_that_died_goes_on_where_it_was(dispute: Callable[..., Game], tmp_path: Path) -> None:
    game = dispute(lambda truth: KINDS["too few updates"][0](truth), 13)
    game.disputed_round()
    game.vote()
    account, books = game.table.chain.account(WATCHER), tmp_path / "outbox.db"

    first = Onlooker(game.group, account, books)
    send, strikes = first._follower.outbox.sender.broadcast, []

    def die(raw: bytes, what: str = "") -> bytes:
        strikes.append(raw)
        raise KeyboardInterrupt

    first._follower.outbox.sender.broadcast = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.look()
    assert send
    first.close()
    assert game.group.contracts.disputes.strike_of(game.group.id, game.hash).struck_at == 0

    second = Onlooker(game.group, account, books)
    second.look()
    (struck,) = second.told("struck")
    assert len(strikes) == 1
    assert struck.transaction == bytes(game.table.web3.keccak(strikes[0]))
    assert len(second.told("slashed")) == len(game.voters)
    second.close()

    third = Onlooker(game.group, account, books)
    game.table.pass_until(game.table.now + game.group.terms.challenge_window)
    attempt, refused = third._follower.outbox.attempt, []

    def fail_once(name: str, *rest: Any) -> bool:
        if name.startswith("collect") and not refused:
            refused.append(name)
            raise ChainError("The chain did not answer.")
        return attempt(name, *rest)

    third._follower.outbox.attempt = fail_once  # type: ignore[method-assign]
    with pytest.raises(ChainError):
        third.look()
    third.look()  # it has not forgotten what it is owed
    assert [seen.what for seen in third.seen] == ["collected"]
    third.close()
