"""Nobody has power over what is others': every function of every contract, called by who deployed, who created the group, and a stranger.

Each function is listed here with what it is for; one that is new in a contract fails the test until it is. All arguments that look valid
are tried, and extreme ones, in every stage of a living swarm. What an ABI cannot show is looked for in the code itself.
"""

import itertools
import random
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types
from living_swarm import CLOSED, HELD, LIVING, TOKEN, Living, Reading, living_swarm, opened_by, read, readings, signed_for, stages
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain import artifacts
from swarm_chain.chain.code import expected_code, with_parts
from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.groups import sign_invitation
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.reverts import revert_in
from swarm_chain.chain.rpc import QuorumRpc
from swarm_chain.chain.sender import Sender
from swarm_chain.chain.views import as_struct
from swarm_chain.protocol.relaying import commit_hash
from swarm_chain.types import ZERO32, Address, Digest, Round, round_id

LOOK, OWN, DUTY = "only looks", "moves what is the caller's own", "is anybody's duty: does the same, whoever calls"
GUARDED = {"RoundManager": "OnlyRoundManager", "GroupRegistry": "OnlyGroupRegistry", "Relay": "OnlyRelay", "Disputes": "OnlyDisputes"}
"""Functions for one other contract alone, by that contract, and what everybody else is refused with."""

FUNCTIONS: dict[str, dict[str, str]] = {
    "SwarmToken": {
        **dict.fromkeys(["approve", "burn", "burnFrom", "transfer", "transferFrom"], OWN),
        "permit": DUTY,  # what the owner has signed
    },
    "IdentityRegistry": dict.fromkeys(["announce", "register", "rotate"], OWN),
    "StakeVault": {**dict.fromkeys(["deposit", "withdraw"], OWN), **dict.fromkeys(["lock", "slash", "unlock"], "RoundManager")},
    "RewardDistributor": {"claim": OWN, "addBudget": "GroupRegistry", **dict.fromkeys(["assign", "pay"], "RoundManager")},
    "GroupRegistry": {**dict.fromkeys(["create", "fund"], OWN), "admit": "RoundManager"},
    "Seating": {},
    "RoundManager": {
        **dict.fromkeys(["commit", "join", "leave", "migrate", "reveal", "revealWith"], OWN),
        **dict.fromkeys(["evict", "finalize", "present", "rekey", "release", "settleVoid"], DUTY),
        **dict.fromkeys(["commitFor", "revealFor"], "Relay"),
        **dict.fromkeys(["hold", "slash", "strike"], "Disputes"),
    },
    "Disputes": {
        **dict.fromkeys(
            [
                "demand",  # pays a bond, and what it holds up it holds up for everybody
                "answer",
                "challengeAbsence",
                "challengeAvailability",
                "challengeColumn",
                "challengeCoordinate",
                "challengeExponent",
                "challengeInclusion",
                "challengeTerms",
                "challengeUnanswered",
                "challengeUnpresented",
                "challengeUpdate",
                "collect",
                "reclaim",
                "slash",
            ],
            DUTY,
        ),
    },
    "Relay": dict.fromkeys(["relayCommits", "relayReveals"], DUTY),
    "RoundViews": {},
    "Proofs": {},
}
"""Every function that is not a view."""

ALWAYS = ("SwarmToken", "IdentityRegistry", "GroupRegistry")
"""Contracts for which one stage is as good as another."""
MOST = 90
"""Combinations of arguments of one function, at most; the rest are drawn."""
EVERYBODY_CAN = {"approve", "burn", "transfer", "register", "deposit", "create", "fund"}
"""What is one's own, and needs no more than tokens."""
DUE = {"permit", "evict", "finalize", "present", "rekey", "release", "settleVoid", "relayCommits", "demand"}
"""Duties that are due in one of the stages."""
MEMBERS_CAN = {"announce", "claim", "commit", "join", "leave", "migrate", "reveal", "revealWith", "rotate", "withdraw"}
"""What is for members alone: with the same arguments it goes through for one of them."""
STEP_SECONDS = 30
"""Chain seconds from the last block to the calls that are tried."""
BATCH = 200


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with LocalChain(tmp_path_factory.mktemp("powers")) as chain:
        web3 = connect(chain.url)
        deployer, treasury = chain.account(0), Sender(web3, chain.account(1))
        path: Path = tmp_path_factory.mktemp("powers") / "deployment.json"
        made = deploy(web3, Sender(web3, deployer), path, treasury=treasury.address)
        # Time passes by the walk alone: a block of the clock's, mined while a call is tried, would move it for that caller and no other.
        for method, given in (("evm_setIntervalMining", 0), ("evm_setAutomine", True), ("anvil_autoImpersonateAccount", True)):
            web3.provider.make_request(RPCEndpoint(method), [given])
        yield living_swarm(web3, Contracts(web3, made), deployer, treasury)


def functions(contract: str) -> dict[str, Any]:
    return {entry["name"]: entry for entry in artifacts.load(contract).abi if entry["type"] == "function"}


def is_view(entry: dict[str, Any]) -> bool:
    return entry["stateMutability"] in ("view", "pure")


# ------------------------------------------------------------------------------------------------ what there is


def test_every_function_is_listed() -> None:
    assert set(FUNCTIONS) == {*artifacts.CONTRACTS, *artifacts.PARTS}
    for contract, listed in FUNCTIONS.items():
        entries = artifacts.load(contract).abi
        found = {entry["name"] for entry in entries if entry["type"] == "function" and not is_view(entry)}
        assert found == set(listed), f"{contract}: a function that is new must be walked"
        assert not [entry for entry in entries if entry["type"] in ("fallback", "receive")], contract
        assert not [entry for entry in entries if entry.get("stateMutability") == "payable"], f"{contract} takes coin"


def test_no_function_is_named_like_a_power() -> None:
    words = ("owner", "admin", "pause", "upgrade", "mint", "initialize", "setter", "grant", "revoke", "sweep", "rescue")
    for contract in FUNCTIONS:
        for name in functions(contract):
            assert not [word for word in words if word in name.lower()], f"{contract}.{name}"


def test_no_code_can_be_replaced_or_end() -> None:
    """No contract can destroy itself; only the round manager runs other code on its storage, and that is linked into it for good."""
    delegating = []
    for contract in FUNCTIONS:
        code = artifacts.load(contract).deployed_bytecode
        found = Counter(opcodes(code))
        assert not found[0xFF], f"{contract} can destroy itself"
        assert not found[0xF2], f"{contract} has CALLCODE"
        if found[0xF4]:
            delegating.append(contract)
    assert delegating == ["RoundManager"]
    manager = artifacts.load("RoundManager")
    assert len(manager.deployed_links["Seating"]) >= Counter(opcodes(manager.deployed_bytecode))[0xF4] > 0


def opcodes(code: bytes) -> Iterator[int]:
    """Instructions, without what they push; data after the last instruction that ends a run is no code."""
    at = 0
    while at < len(code):
        yield code[at]
        at += 1 + (code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0)


# ------------------------------------------------------------------------------------------------ the walk


@pytest.mark.slow
def test_nothing_of_others_moves(living: Living) -> None:
    worked: Counter[str] = Counter()
    by_members: Counter[str] = Counter()
    tried = 0
    for stage in stages(living):
        wanted = readings(living)
        for contract, listed in FUNCTIONS.items():
            if contract in ALWAYS and stage != "a round that can be final":
                continue
            for name, purpose in listed.items():
                where = f"{contract}.{name}, {stage}"
                calls = {actor: list(calls_of(living, contract, name, actor)) for actor in actors(living)}
                answers = {actor: ask_all(living, actor, contract, data) for actor, data in calls.items()}
                tried += sum(map(len, calls.values()))
                if purpose in GUARDED:
                    for actor in calls:
                        errors = set(answers[actor])
                        assert errors == {GUARDED[purpose]}, f"{where}: {errors}"
                    continue
                for member in living.members if name in MEMBERS_CAN else ():
                    done = ask_all(living, member.address, contract, list(calls_of(living, contract, name, member.address)))
                    by_members[name] += done.count(None)
                effects = {
                    actor: [
                        (number, effect_of(living, actor, contract, data, wanted, is_duty=purpose == DUTY, where=where))
                        for number, (data, error) in enumerate(zip(calls[actor], answers[actor], strict=True))
                        if error is None
                    ]
                    for actor in calls
                }
                worked[name] += sum(map(len, effects.values()))
                if purpose == DUTY:
                    first, *others = effects.values()
                    assert all(other == first for other in others), f"{where}: it matters who calls"
    print(f"{tried} calls, {sum(worked.values())} of them went through")
    assert not [name for name in EVERYBODY_CAN | DUE if not worked[name]], "these arguments only look valid"
    assert not [name for name in MEMBERS_CAN if not by_members[name]], "these arguments only look valid"
    assert not [name for name in MEMBERS_CAN if worked[name]], "for members alone"


@pytest.mark.slow  # where the walk has led
def test_views_change_nothing_when_they_are_sent(living: Living) -> None:
    wanted = readings(living)
    before = read(living, wanted)
    sent = 0
    for contract in FUNCTIONS:
        for name, entry in functions(contract).items():
            if not is_view(entry):
                continue
            data = next(calls_of(living, contract, name, actors(living)[0]))
            transaction = {"from": actors(living)[0], "to": address(living, contract), "data": data, "gas": hex(3_000_000)}
            living.ask("eth_sendTransaction", transaction)
            sent += 1
    assert sent > 50
    assert read(living, wanted) == before


@pytest.mark.slow  # where the walk has led
def test_what_is_for_one_contract_alone(living: Living) -> None:
    """No other contract of the deployment can call it either, and the one it is for can."""
    everyone = with_parts(living.contracts.deployment.addresses)
    for contract, listed in FUNCTIONS.items():
        for name, one in listed.items():
            if one not in GUARDED:
                continue
            data = list(calls_of(living, contract, name, living.members[0].address))
            for other, caller in everyone.items():
                errors = set(ask_all(living, caller, contract, data))
                if other == one:
                    assert errors != {GUARDED[one]}, f"{contract}.{name} refuses {other}, which it is for"
                else:
                    assert errors == {GUARDED[one]}, f"{contract}.{name} by {other}: {errors}"
            for member in living.members:
                assert set(ask_all(living, member.address, contract, data)) == {GUARDED[one]}


def test_no_contract_takes_coin(living: Living) -> None:
    for contract in FUNCTIONS:
        transaction = {"from": living.outsider.address, "to": address(living, contract), "value": "0x1", "gas": hex(100_000)}
        receipt = living.web3.eth.wait_for_transaction_receipt(living.ask("eth_sendTransaction", transaction))
        assert receipt["status"] == 0, contract


def test_the_library_does_nothing_for_who_calls_it_itself(living: Living) -> None:
    """Its functions take the storage to work on; called directly there is none, and it refuses by its own address."""
    code = artifacts.load("Seating").deployed_bytecode
    selectors = {code[at + 1 : at + 5] for at in range(len(code) - 4) if code[at] == 0x63}
    assert selectors
    target = address(living, "Seating")
    for selector in selectors:
        call = {"from": living.deployer.address, "to": target, "data": "0x" + (selector + bytes(32 * 12)).hex(), "gas": hex(1_000_000)}
        receipt = living.web3.eth.wait_for_transaction_receipt(living.ask("eth_sendTransaction", call))
        assert receipt["status"] == 0, selector.hex()
    assert all(int(living.ask("eth_getStorageAt", target, hex(slot), "latest"), 16) == 0 for slot in range(64))


# ------------------------------------------------------------------------------------------------ one call


def actors(living: Living) -> list[Address]:
    """The deployer, the creator of both groups, and somebody who is neither."""
    return [Address(str(account.address)) for account in (living.deployer, living.creator, living.outsider)]


def address(living: Living, contract: str) -> Address:
    return with_parts(living.contracts.deployment.addresses)[contract]


def ask_all(living: Living, caller: Address, contract: str, calls: list[str]) -> list[str | None]:
    """What each call is refused with; None where it goes through. At the time that `effect_of` takes, however long this machine does."""
    provider = living.web3.provider
    assert isinstance(provider, QuorumRpc)
    when = {"time": hex(int(living.web3.eth.get_block("latest")["timestamp"]) + STEP_SECONDS)}
    found: list[str | None] = []
    for start in range(0, len(calls), BATCH):
        requests = [
            (RPCEndpoint("eth_call"), [{"from": caller, "to": address(living, contract), "data": data}, "latest", {}, when])
            for data in calls[start : start + BATCH]
        ]
        for response in provider.make_batch_request(requests):
            if "error" not in response:
                found.append(None)
                continue
            revert = revert_in(response["error"])
            assert revert is not None, response["error"]
            found.append(revert.error or revert.text)
    return found


def effect_of(
    living: Living, actor: Address, contract: str, data: str, wanted: dict[str, Reading], *, is_duty: bool, where: str
) -> dict[str, Any]:
    """What a call that goes through changes of what is others'; all is as before when this returns."""
    before = read(living, wanted)
    mark = living.ask("evm_snapshot")
    now = int(living.web3.eth.get_block("latest")["timestamp"])
    living.ask("evm_setNextBlockTimestamp", now + STEP_SECONDS)
    transaction = {"from": actor, "to": address(living, contract), "data": data, "gas": hex(10_000_000)}
    receipt = living.web3.eth.wait_for_transaction_receipt(living.ask("eth_sendTransaction", transaction))
    after = read(living, wanted)
    assert living.ask("evm_revert", mark)
    if receipt["status"] == 0:
        return {}
    changed = {key: (before[key], after[key]) for key in wanted if before[key] != after[key] and wanted[key].owner != actor}
    if is_duty:
        return {key: (was, by_name(is_, actor)) for key, (was, is_) in changed.items()}
    spent = before[f"balance of {actor}"] - after[f"balance of {actor}"]
    for key, (was, is_) in changed.items():
        if key == "supply":
            assert was - is_ == spent > 0, f"{where}: {key}"
            continue
        assert wanted[key].may_rise, f"{where}: {key} went from {was} to {is_}"
        assert all(new >= old for old, new in zip(parts(was), parts(is_), strict=True)), f"{where}: {key} fell from {was} to {is_}"
        assert sum(parts(is_)) - sum(parts(was)) <= spent, f"{where}: {key} rose by what the caller did not pay"
    return changed


def by_name(value: Any, actor: Address) -> Any:
    """With the caller's address called so: who demanded or challenged is noted, and is the only difference between two who do."""
    if isinstance(value, tuple):
        return tuple(by_name(part, actor) for part in value)
    return "the caller" if isinstance(value, str) and value.lower() == actor.lower() else value


def parts(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else (int(value),)


# ------------------------------------------------------------------------------------------------ arguments


def calls_of(living: Living, contract: str, name: str, caller: Address) -> Iterator[str]:
    """Calls with arguments of which each looks valid, or is extreme; the first is the likeliest."""
    entry = functions(contract)[name]
    types, selector = list(get_abi_input_types(entry)), function_abi_to_4byte_selector(entry)
    special = {
        ("IdentityRegistry", "register"): registrations,
        ("IdentityRegistry", "rotate"): rotations,
        ("SwarmToken", "permit"): permits,
        ("RoundManager", "reveal"): reveals,
        ("RoundManager", "revealWith"): reveals_with,
    }.get((contract, name))
    pools = [pool(living, given["internalType"], given["type"], given["name"], caller) for given in entry["inputs"]]
    combinations = list(itertools.islice(itertools.product(*pools), 20_000))
    if len(combinations) > MOST:
        drawn = random.Random(f"{contract}.{name}").sample(combinations[1:], MOST - 1)
        combinations = [combinations[0], *drawn]
    for values in (*(special(living, caller) if special else ()), *combinations):
        yield "0x" + (selector + encode(types, values)).hex()


def pool(living: Living, internal: str, type_: str, name: str, caller: Address) -> list[Any]:
    """Values of one argument."""
    contracts, group, members = living.contracts, living.group, living.members
    current = contracts.views.phase(group).round
    results = [tuple_of(living, Round(number)) for number in (current - 1, current - 2) if number in living.results]
    unknown = (0, ZERO32, ZERO32, ZERO32, ZERO32, 0, b"", b"", 0)
    hashes = [living.hash(round_) for round_ in sorted(living.results, reverse=True)[:2]]
    opened = [opened_struct(living, node, Round(current)) for node in members if Round(current) in node.opened][:2]
    nothing = ("0x" + "00" * 20, (ZERO32, ZERO32, 0, 0, ZERO32))
    now = int(living.web3.eth.get_block("latest")["timestamp"])
    match internal:
        case "GroupId":
            return [group, living.spare, living.closed, 0, 2**32 - 1]
        case "GroupId[]":
            return [[group], [], [group, group]]
        case "RoundId":
            return [round_id(group, current), round_id(group, Round(current + 1)), round_id(living.closed, Round(1)), 0, 2**64 - 1]
        case "struct Result":
            return [*results, unknown]
        case "struct Reveal":
            return [*([as_struct(node.opened[Round(current)]) for node in members if Round(current) in node.opened][:2]), nothing[1]]
        case "struct Terms":
            closed = CLOSED
            return [astuple_of(LIVING), astuple_of(closed), tuple(0 for _ in astuple_of(LIVING)[:10]) + (False,) + (0,) * 8]
        case "struct Leaf":
            return [(b"", []), (b"\x01" * 1025, [ZERO32] * 3)]
        case "struct Opened":
            return [*opened, nothing]
        case "struct Opened[]":
            return [opened, []]
        case "struct IRoundManager.CommitOf[]":
            return [[(node.address, ZERO32, b"c" * 24) for node in members], []]
        case "struct IRoundManager.RevealOf[]":
            return [[(one[0], one[1]) for one in opened], []]
        case "struct IRewardDistributor.Payment":
            return [(current, HELD, 1, 1, 1, 0, 15, b""), (0, 2**256 - 1, 2**256 - 1, 1, 2**256 - 1, 0, 0, b"\x01")]
        case "struct SignedCommit[]":
            return [signed_commits(living, Round(current)), []]
        case "struct SignedReveal[]":
            return [[(ZERO32, ZERO32, 0, 0, ZERO32, ZERO32)], []]
        case "enum IDisputes.Tree":
            return [0, 1]
    match type_:
        case "uint8":
            return [0, 3, 2, 255] if name in ("seat", "index", "") else [27, 28]
        case "uint8[]":
            return [[0], [], [0, 1]]
        case "uint32":
            return [current - 1, current, 0, 2**32 - 1]
        case "uint64":
            return [members[0].identity, members[2].identity, members[3].identity, 0, 2**64 - 1]
        case "uint128" | "uint256":
            return [1, TOKEN, 0, now + 10**6, 2**128 if type_ == "uint256" else 2**128 - 1, 2**256 - 1 if type_ == "uint256" else 0]
        case "int64":
            return [0]
        case "address":
            vault = contracts.stakes.address
            return [members[0].address, caller, members[2].address, vault, members[3].address, "0x" + "00" * 20]
        case "bytes32":
            return [*hashes, contracts.views.head(group).result_hash, ZERO32]
        case "bytes24":
            return [b"c" * 24, bytes(24)]
        case "bytes":
            return [b"", invitation_by(living, caller), b"\x01" * 65]
        case "string":
            return ["http://192.0.2.1:4100", "x" * 513]
    raise AssertionError(f"no values for {internal} {type_} {name}: add some")


def astuple_of(terms: Any) -> tuple[Any, ...]:
    return tuple(getattr(terms, field) for field in terms.__dataclass_fields__)


def tuple_of(living: Living, round_: Round) -> tuple[Any, ...]:
    return astuple_of(living.results[round_])


def opened_struct(living: Living, node: Any, round_: Round) -> tuple[Any, ...]:
    _, opened = opened_by(living, node, round_)
    return node.address, as_struct(opened)


def invitation_by(living: Living, caller: Address) -> bytes:
    """An invitation that the caller itself would like to count: signed by the outsider, not by the creator."""
    contracts = living.contracts
    expiry, nonce = 2**40, secrets.token_bytes(32)
    identity = contracts.identities.identity_of(caller) or living.members[0].identity
    chain_id, registry = contracts.deployment.chain_id, contracts.groups.address
    return sign_invitation(living.outsider, living.closed, identity, expiry, nonce, chain_id, registry)


def signed_commits(living: Living, round_: Round) -> list[tuple[Any, ...]]:
    """What the members have signed for the open round, for a relay to bring."""
    domain, relay = living.contracts.domain(living.group), living.contracts.deployment.addresses["Relay"]
    found = []
    for node in living.members:
        signed = node.account.unsafe_sign_hash(commit_hash(domain, relay, round_, Digest(ZERO32), b"c" * 24))
        s = signed.s | (signed.v - 27) << 255
        found.append((ZERO32, b"c" * 24, signed.r.to_bytes(32, "big"), s.to_bytes(32, "big")))
    return found


def registrations(living: Living, caller: Address) -> Iterator[tuple[Any, ...]]:
    yield signed_for(living, caller, 0)
    yield signed_for(living, living.members[0].address, 0)


def rotations(living: Living, caller: Address) -> Iterator[tuple[Any, ...]]:
    for node in living.members:
        nonce = living.contracts.identities.nonce_of(node.identity)
        for operator in (caller, node.address):
            yield (node.identity, *signed_for(living, operator, nonce))


def permits(living: Living, caller: Address) -> Iterator[tuple[Any, ...]]:
    """What a member has signed, which anybody may bring; and the same for another spender, which it has not."""
    owner, token = living.members[0], living.contracts.token
    spender = living.contracts.stakes.address
    signed = owner.account.sign_typed_data(
        {"name": "Swarm", "version": "1", "chainId": living.contracts.deployment.chain_id, "verifyingContract": token.address},
        {
            "Permit": [
                {"name": "owner", "type": "address"},
                {"name": "spender", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ]
        },
        {"owner": owner.address, "spender": spender, "value": TOKEN, "nonce": 0, "deadline": 2**40},
    )
    signature = signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
    yield (owner.address, spender, TOKEN, 2**40, *signature)
    yield (owner.address, caller, TOKEN, 2**40, *signature)


def reveals(living: Living, caller: Address) -> Iterator[tuple[Any, ...]]:
    current = living.contracts.views.phase(living.group).round
    for node in living.members:
        if Round(current) in node.opened:
            yield round_id(living.group, current), as_struct(node.opened[Round(current)])


def reveals_with(living: Living, caller: Address) -> Iterator[tuple[Any, ...]]:
    current = living.contracts.views.phase(living.group).round
    for node in living.members:
        if Round(current) in node.opened:
            opened = node.opened[Round(current)]
            for result in (tuple_of(living, Round(current - 1)), (0, ZERO32, ZERO32, ZERO32, ZERO32, 0, b"", b"", 0)):
                yield round_id(living.group, current), as_struct(opened), result


def test_the_walk_would_notice(living: Living) -> None:
    """What a member does to its own is a change to everybody else: the readings see it."""
    ada = living.members[0]
    wanted = readings(living)
    data = next(calls_of(living, "SwarmToken", "transfer", ada.address))
    own = effect_of(living, ada.address, "SwarmToken", data, wanted, is_duty=True, where="")
    assert own == {}, "to itself"
    bob = living.members[1]
    selector = function_abi_to_4byte_selector(functions("RoundManager")["leave"])
    leave = "0x" + (selector + encode(["uint32", "address"], [living.closed, bob.address])).hex()
    with pytest.raises(AssertionError, match=f"rosterOf {living.closed} went from"):
        effect_of(living, bob.address, "RoundManager", leave, wanted, is_duty=False, where="")


def test_a_door_left_open_would_be_noticed(living: Living) -> None:
    """A vault that was built to believe the stranger, where it should believe the round manager."""
    door, deployment = actors(living)[2], living.contracts.deployment
    vault, one = Web3.to_checksum_address(address(living, "StakeVault")), living.members[0].identity
    genuine = living.web3.eth.get_code(vault)
    unlock = "0x" + (function_abi_to_4byte_selector(functions("StakeVault")["unlock"]) + encode(["uint64", "uint256"], [one, 1])).hex()
    assert ask_all(living, door, "StakeVault", [unlock]) == ["OnlyRoundManager"]
    forged = expected_code("StakeVault", deployment.chain_id, deployment.addresses | {"RoundManager": door})
    living.ask("anvil_setCode", vault, "0x" + forged.hex())
    try:
        assert ask_all(living, door, "StakeVault", [unlock]) == [None]
        with pytest.raises(AssertionError, match=f"stake of {one} fell from"):
            effect_of(living, door, "StakeVault", unlock, readings(living), is_duty=False, where="")
    finally:
        living.ask("anvil_setCode", vault, "0x" + bytes(genuine).hex())
