"""Network traffic as rows of numbers: NSL-KDD's and N-BaIoT's files, and synthetic traffic of N-BaIoT's shape.

Sources: NSL-KDD (Tavallaee, Bagheri, Lu, Ghorbani 2009), 41 features a connection, its label and difficulty; N-BaIoT (Meidan et al. 2018,
doi:10.1109/MPRV.2018.03367731), 115 statistics a packet, a folder of CSV files a device. Files, gzipped or not, are read strictly and with
bounds. No figure is scaled by anything that files say: every one becomes ``sign(x) * log(1 + |x|) / 4``, benign and attack alike, and a one
of a category stays 1.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import DataError

Rows = NDArray[np.float32]

NSL_KDD: Final = "nsl-kdd"
N_BAIOT: Final = "n-baiot"
SYNTHETIC: Final = "iot-synthetic"
WIDTHS = {NSL_KDD: 122, N_BAIOT: 115, SYNTHETIC: 115}
BENIGN = "benign"
LONGEST_LINE = 1 << 14
LARGEST_FILE = 1 << 30
"""Bytes read of one file, unpacked."""
BENIGN_ROWS, ATTACK_ROWS = 50_000, 5_000
"""Rows taken of one N-BaIoT file, its first: a device's benign rows are for learning, an attack's only for measuring."""
NAMED = 5
"""Entries of a folder that a message names."""
AGAIN = "Fetch the file again, or give the folder that the task's data lie in with --data."

PROTOCOLS = ("icmp", "tcp", "udp")
FLAGS = ("OTH", "REJ", "RSTO", "RSTOS0", "RSTR", "S0", "S1", "S2", "S3", "SF", "SH")
SERVICES = tuple(
    "IRC X11 Z39_50 aol auth bgp courier csnet_ns ctf daytime discard domain domain_u echo eco_i ecr_i efs exec finger ftp ftp_data"  # noqa: SIM905
    " gopher harvest hostnames http http_2784 http_443 http_8001 imap4 iso_tsap klogin kshell ldap link login mtp name netbios_dgm"
    " netbios_ns netbios_ssn netstat nnsp nntp ntp_u other pm_dump pop_2 pop_3 printer private red_i remote_job rje shell smtp sql_net ssh"
    " sunrpc supdup systat telnet tftp_u tim_i time urh_i urp_i uucp uucp_path vmnet whois".split()
)
CATEGORIES = {1: PROTOCOLS, 2: SERVICES, 3: FLAGS}
"""Columns of NSL-KDD that hold words; the three together are 84 columns of 0 and 1."""
SERVICE_GROUPS = (("http",), ("domain_u", "domain"), ("smtp", "pop_3", "imap4"), ("ftp_data", "ftp"))
"""What each node of NSL-KDD sees; one more sees all the rest."""
ACTIVITIES = 5
"""Of all synthetic devices together."""
KDD_TRAIN = ("KDDTrain+.txt", "KDDTrain+_20Percent.txt", "KDDTrain+.txt.gz", "KDDTrain+_20Percent.txt.gz")
KDD_TEST = ("KDDTest+.txt", "KDDTest+.txt.gz")
ATTACKS = {"gafgyt_attacks": ("combo", "junk", "scan", "tcp", "udp"), "mirai_attacks": ("ack", "scan", "syn", "udp", "udpplain")}


@dataclass(frozen=True, eq=False)
class Traffic:
    """``rows`` float32[n, features], ``kinds`` str[n] ("benign", or an attack's name), ``device`` of each (int64[n])."""

    rows: Rows
    kinds: NDArray[np.str_]
    devices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "Traffic":
        """Some of the rows."""
        return Traffic(self.rows[which], self.kinds[which], self.devices[which])

    def benign(self) -> "Traffic":
        """The rows that are no attack."""
        return self.take(self.kinds == BENIGN)


@dataclass(frozen=True, eq=False)
class Observed:
    """``train`` and ``test`` of devices that have ``names``."""

    train: Traffic
    test: Traffic
    names: tuple[str, ...]


def read(source: str, folder: Path | None, *, attacks: bool = True) -> Observed:
    """The traffic of a source. Raises DataError where files are missing or not what they should be.

    Args:
        source: "nsl-kdd", "n-baiot" or "iot-synthetic".
        folder: that holds the files; synthetic traffic needs none.
        attacks: whether N-BaIoT's files of attacks are read too; a node that trains needs none.
    """
    if source == SYNTHETIC:
        return synthetic()
    if source not in WIDTHS:
        raise DataError(f"There is no traffic called {source!r}.", do=f"Choose one of: {', '.join(WIDTHS)}.")
    if folder is None or not folder.is_dir():
        raise DataError(
            f"The files of {source} are not here{f': {folder} is no folder' if folder else ''}.", do="Name their folder: --data."
        )
    return _nsl_kdd(folder) if source == NSL_KDD else _n_baiot(folder, attacks)


def source_in(folder: Path) -> str:
    """Which traffic a folder's files are: "nsl-kdd" or "n-baiot".

    Raises:
        DataError: neither's; it says what was looked for, and what is there.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder.", do="Name the folder of NSL-KDD's or N-BaIoT's files: --data.")
    if any((folder / name).is_file() for name in (*KDD_TRAIN, *KDD_TEST)):
        return NSL_KDD
    entries = sorted(folder.iterdir())
    if any(_table(home, "benign_traffic") for home in (folder, *(path for path in entries if path.is_dir()))):
        return N_BAIOT
    names = [f"{path.name}/" if path.is_dir() else path.name for path in entries]
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    there = f"holds {', '.join(names[:NAMED])}{more}" if names else "is empty"
    raise DataError(
        f"{folder} has neither NSL-KDD's files ({' or '.join(KDD_TRAIN[:2])}, and {KDD_TEST[0]}) nor N-BaIoT's (benign_traffic.csv, in it"
        f" or in a folder a device), plain or as .gz. It {there}.",
        do="Name the folder that the files lie in themselves, by the names that they were published under.",
    )


def squeezed(values: NDArray[np.floating]) -> Rows:
    """``sign(x) * log(1 + |x|) / 4``: counts and bytes of any size within some units, the same for every row of every node."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)) / 4, np.float32)


# ---------------------------------------------------------------------------------------------- NSL-KDD


def _nsl_kdd(folder: Path) -> Observed:
    train, test = _one_of(folder, *KDD_TRAIN), _one_of(folder, *KDD_TEST)
    names = (*("+".join(group) for group in SERVICE_GROUPS), "all other services")
    return Observed(_connections(train), _connections(test), names)


def _one_of(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} has none of {', '.join(names)}.", do=AGAIN)


def _connections(path: Path) -> Traffic:
    """One file of NSL-KDD, float32[n, 122]: 38 figures, then protocol, service and flag as columns of 0 and 1."""
    figures, words, kinds = list[list[str]](), list[tuple[str, ...]](), list[str]()
    for number, line in _lines(path):
        cells = line.split(",")
        if len(cells) not in (42, 43):  # with and without the difficulty
            raise DataError(f"{path}, line {number}: {len(cells)} columns where NSL-KDD has 42 or 43.", do=AGAIN)
        figures.append([cell for column, cell in enumerate(cells[:41]) if column not in CATEGORIES])
        words.append(tuple(cells[column] for column in CATEGORIES))
        kinds.append(BENIGN if cells[41] == "normal" else cells[41])
    if not figures:
        raise DataError(f"{path} is empty.", do=AGAIN)
    columns = [squeezed(_numbers(figures, path, first_line=1))]
    for (column, known), said in zip(CATEGORIES.items(), zip(*words, strict=True), strict=True):
        places = {word: place for place, word in enumerate(known)}
        if strange := sorted(set(said) - set(known)):
            raise DataError(f"{path}, column {column + 1}: NSL-KDD has no {strange[0]!r:.60}.", do=AGAIN)
        columns.append(np.eye(len(known), dtype=np.float32)[[places[word] for word in said]])
    groups = {service: group for group, services in enumerate(SERVICE_GROUPS) for service in services}
    devices = np.array([groups.get(service, len(SERVICE_GROUPS)) for _, service, _ in words], np.int64)
    return Traffic(np.concatenate(columns, 1), np.array(kinds), devices)


# ---------------------------------------------------------------------------------------------- N-BaIoT


def _n_baiot(folder: Path, attacks: bool) -> Observed:
    """A folder a device, or one device's own: ``benign_traffic.csv``, ``gafgyt_attacks/combo.csv`` and so on.

    As in the paper the first two thirds of the benign rows, in time, are to train on; the last third and the attacks are to test with.
    """
    homes = [folder] if _table(folder, "benign_traffic") else sorted(path for path in folder.iterdir() if path.is_dir())
    train, test = list[Traffic](), list[Traffic]()
    for device, home in enumerate(homes):
        benign = _table(home, "benign_traffic")
        if benign is None:
            raise DataError(f"{home} has no benign_traffic.csv.", do=AGAIN)
        rows = _packets(benign, BENIGN_ROWS)
        cut = len(rows) * 2 // 3
        train.append(_of_device(rows[:cut], BENIGN, device))
        test.append(_of_device(rows[cut:], BENIGN, device))
        for family, names in ATTACKS.items() if attacks else ():
            for name in names:
                path = _table(home / family, name)
                if path is not None:  # two of the devices have no Mirai traffic
                    test.append(_of_device(_packets(path, ATTACK_ROWS), f"{family.removesuffix('_attacks')} {name}", device))
    if not train:
        raise DataError(f"{folder} has no folder of a device with benign_traffic.csv in it.", do=AGAIN)
    return Observed(_joined(train), _joined(test), tuple(home.name for home in homes))


def _table(folder: Path, stem: str) -> Path | None:
    return next((path for end in (".csv", ".csv.gz") if (path := folder / f"{stem}{end}").is_file()), None)


def _packets(path: Path, most: int) -> Rows:
    """One file of N-BaIoT, a line of names and then 115 figures a line: float32[n, 115], of ``most`` rows at most."""
    lines = _lines(path)
    names = next(lines, (0, ""))[1].split(",")
    width = WIDTHS[N_BAIOT]
    if names == [""]:
        raise DataError(f"{path} is empty.", do=AGAIN)
    if len(names) != width or names[0].strip('"') != "MI_dir_L5_weight":
        raise DataError(
            f"{path} begins with {len(names)} columns, the first {names[0]!r:.60}; N-BaIoT has {width}, from MI_dir_L5_weight.", do=AGAIN
        )
    cells = list[list[str]]()
    for number, line in islice(lines, most):
        cells.append(line.split(","))
        if len(cells[-1]) != width:
            raise DataError(f"{path}, line {number}: {len(cells[-1])} columns where N-BaIoT has {width}.", do=AGAIN)
    if not cells:
        raise DataError(f"{path} has names of columns and no row.", do=AGAIN)
    return squeezed(_numbers(cells, path, first_line=2))


def _of_device(rows: Rows, kind: str, device: int) -> Traffic:
    return Traffic(rows, np.full(len(rows), kind), np.full(len(rows), device, np.int64))


def _joined(pieces: list[Traffic]) -> Traffic:
    rows, kinds, devices = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("rows", "kinds", "devices"))
    return Traffic(rows, kinds, devices)


# ---------------------------------------------------------------------------------------------- synthetic


def synthetic(devices: int = 9, seed: int = 1) -> Observed:
    """SYNTHETIC traffic of N-BaIoT's shape, for machines without the files: it shows that the machinery works, and nothing of real devices.

    There are a few activities, each a curve among the features. A device shows two of them nine times in ten, else any; so what is everyday
    for one is hardly known to another, as services are to the nodes of NSL-KDD. A row lies off its curve by noise in every feature. An
    attack moves such a row in a direction of its kind: from little, which drowns in the noise, to four times as much.
    """
    random, width = np.random.Generator(np.random.PCG64(seed)), WIDTHS[SYNTHETIC]
    centres = random.normal(scale=0.6, size=(ACTIVITIES, width))
    ways = random.normal(scale=0.3, size=(ACTIVITIES, width))
    kinds = [f"{family.removesuffix('_attacks')} {name}" for family, names in ATTACKS.items() for name in names]
    away = random.normal(size=(len(kinds), width)) * np.linspace(0.125, 0.5, len(kinds))[:, None]
    train, test = list[Traffic](), list[Traffic]()
    for device in range(devices):
        shown = np.full(ACTIVITIES, 0.1 / ACTIVITIES)
        shown[[device % ACTIVITIES, (device + 3) % ACTIVITIES]] += 0.45
        own = random.normal(scale=0.05, size=width)

        def rows(count: int, shown: NDArray[np.float64] = shown, own: NDArray[np.float64] = own) -> NDArray[np.float64]:
            activity, along = random.choice(ACTIVITIES, count, p=shown), np.tanh(random.normal(size=(count, 1)))
            noise = random.normal(scale=0.3, size=(count, width))
            return np.asarray(own + centres[activity] + along * ways[activity] + noise)

        train.append(_of_device(rows(600).astype(np.float32), BENIGN, device))
        test.append(_of_device(rows(300).astype(np.float32), BENIGN, device))
        for kind, direction in zip(kinds, away, strict=True):
            test.append(_of_device((rows(60) + direction).astype(np.float32), f"{kind} (synthetic)", device))
    return Observed(_joined(train), _joined(test), tuple(f"synthetic device {device + 1}" for device in range(devices)))


# ---------------------------------------------------------------------------------------------- files


def _numbers(cells: list[list[str]], path: Path, first_line: int) -> NDArray[np.float64]:
    """float64[n, columns]; DataError names the line of the first cell that is no number, or none that can be learnt from."""
    try:
        values = np.array(cells, np.float64)
    except ValueError:
        for number, row in enumerate(cells, first_line):
            for cell in row:
                try:
                    float(cell)
                except ValueError:
                    raise DataError(f"{path}, line {number}: {cell!r:.60} is not a number.", do=AGAIN) from None
        raise
    if not np.isfinite(values).all():
        line = first_line + int(np.argmax(~np.isfinite(values).all(1)))
        raise DataError(f"{path}, line {line}: a figure is NaN or infinite.", do=AGAIN)
    return values


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, from 1, without their ends; never reads more than the bounds."""
    left = LARGEST_FILE
    with _reading(path), _opened(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
            left -= len(line)
            if len(line) > LONGEST_LINE or left < 0:
                what = f"line {number} is longer than {LONGEST_LINE:,}" if left >= 0 else f"it is longer than {LARGEST_FILE:,}"
                raise DataError(f"{path} cannot be read: {what} bytes.", do=AGAIN)
            yield number, line.decode("utf-8").rstrip("\r\n")


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]  # GzipFile is one, but for its type


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text.", do=AGAIN) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}.", do="Fetch the file again, or check its permissions.") from error
