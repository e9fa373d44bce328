"""Files of traffic are read strictly: what is wrong is named, with the line, and nothing else is believed."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from swarm_chain.errors import DataError
from swarm_chain.learning import traffic
from swarm_chain.learning.traffic import read, source_in

CONNECTION = ["0", "tcp", "http", "SF", "491", *["0"] * 36]
KDD = ("KDDTrain+_20Percent.txt", "KDDTest+.txt")
NAMES = ["MI_dir_L5_weight", *(f"column {number}" for number in range(114))]


def kdd(folder, train, test=None, end=""):
    pack = gzip.compress if end else bytes
    for name, lines in zip(KDD, (train, test or train), strict=True):
        (folder / f"{name}{end}").write_bytes(pack("".join(f"{line}\n" for line in lines).encode()))


def connection(label="normal", difficulty=("20",), **cells):
    row = list(CONNECTION)
    for column, value in cells.items():
        row[int(column.removeprefix("c"))] = value
    return ",".join([*row, label, *difficulty])


@pytest.mark.parametrize("end", ["", ".gz"])
def test_nsl_kdd_is_read(tmp_path, end):
    kdd(tmp_path, [connection(), connection("neptune", (), c2="smtp", c1="udp")], end=end)
    data = read("nsl-kdd", tmp_path)
    assert data.train.rows.shape == (2, 122)
    assert data.train.kinds.tolist() == ["benign", "neptune"]
    assert data.train.devices.tolist() == [0, 2]
    assert data.train.rows[0, 1] == pytest.approx(np.log(492) / 4)
    assert data.train.rows[:, 38:].sum(1).tolist() == [3, 3], "one of a protocol, one of a service, one of a flag"
    assert len(data.train.benign()) == 1


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "is empty"),
        ([connection(), "1,2,3"], "line 2: 3 columns where NSL-KDD has 42 or 43"),
        ([connection(), connection(c4="many")], "line 2: 'many' is not a number"),
        ([connection(c7="nan")], "line 1: a figure is NaN"),
        ([connection(), connection(c40="inf")], "line 2: a figure is NaN or infinite"),
        ([connection(c2="gopher2")], "column 3: NSL-KDD has no 'gopher2'"),
        (["x" * (traffic.LONGEST_LINE + 1)], "line 1 is longer"),
    ],
)
@pytest.mark.parametrize("end", ["", ".gz"])
def test_what_is_wrong_with_nsl_kdd_is_told(tmp_path, lines, reason, end):
    kdd(tmp_path, lines, [connection()], end)
    with pytest.raises(DataError, match=reason):
        read("nsl-kdd", tmp_path)


def test_what_is_no_text_or_is_not_there_is_told(tmp_path, monkeypatch):
    for source in ("nsl-kdd", "n-baiot"):
        for folder in (None, tmp_path / "nowhere"):
            with pytest.raises(DataError, match="Name their folder"):
                read(source, folder)
        with pytest.raises(DataError, match="has no"):
            read(source, tmp_path)
    with pytest.raises(DataError, match="no traffic called"):
        read("cats", tmp_path)
    kdd(tmp_path, [connection()])
    (tmp_path / KDD[0]).write_bytes(b"\xff\xfe\n")
    with pytest.raises(DataError, match="not text"):
        read("nsl-kdd", tmp_path)
    (tmp_path / KDD[0]).unlink()
    (tmp_path / f"{KDD[0]}.gz").write_bytes(gzip.compress(b"0,tcp" * 1000)[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read("nsl-kdd", tmp_path)
    kdd(tmp_path, [connection()] * 20)
    monkeypatch.setattr(traffic, "LARGEST_FILE", 1000)
    with pytest.raises(DataError, match="longer than 1,000"):
        read("nsl-kdd", tmp_path)


def table(path, rows, names=NAMES):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]) + "\n")


def test_n_baiot_is_read_a_device_a_folder(tmp_path):
    for device, name in enumerate(("camera", "doorbell")):
        table(tmp_path / name / "benign_traffic.csv", np.full((9, 115), device) + np.arange(9)[:, None])
        table(tmp_path / name / "gafgyt_attacks" / "scan.csv", np.full((4, 115), -5.5))
    table(tmp_path / "camera" / "mirai_attacks" / "udp.csv", np.full((2, 115), 1e9))
    data = read("n-baiot", tmp_path)
    assert data.names == ("camera", "doorbell")
    assert np.unique(data.train.kinds).tolist() == ["benign"]
    assert data.train.devices.tolist() == [0] * 6 + [1] * 6
    assert data.train.rows[:6, 3] == pytest.approx(np.log1p(np.arange(6)) / 4), "the first two thirds in time"
    assert np.unique(data.test.kinds, return_counts=True)[1].tolist() == [6, 8, 2]
    assert data.test.rows[data.test.kinds == "gafgyt scan"].max() == pytest.approx(-np.log(6.5) / 4), (
        "attacks are scaled as benign rows are"
    )
    assert len(read("n-baiot", tmp_path, attacks=False).test) == 6
    own = read("n-baiot", tmp_path / "camera")
    assert (own.names, len(own.train)) == (("camera",), 6)


@pytest.mark.parametrize(
    ("names", "rows", "reason"),
    [
        (NAMES[:-1], [[1] * 114], "begins with 114 columns"),
        (["weight", *NAMES[1:]], [[1] * 115], "the first 'weight'"),
        (NAMES, [], "no row"),
        (NAMES, [[1] * 115, [1] * 114], "line 3: 114 columns"),
        (NAMES, [["?"] * 115], r"line 2: '\?' is not a number"),
        (NAMES, [[1] * 115, ["nan"] * 115], "line 3: a figure is NaN"),
    ],
)
def test_what_is_wrong_with_n_baiot_is_told(tmp_path, names, rows, reason):
    table(tmp_path / "camera" / "benign_traffic.csv", rows, names)
    with pytest.raises(DataError, match=reason):
        read("n-baiot", tmp_path)


def test_an_empty_file_and_a_folder_of_none_are_told(tmp_path):
    (tmp_path / "camera").mkdir()
    with pytest.raises(DataError, match="has no benign_traffic"):
        read("n-baiot", tmp_path)
    (tmp_path / "camera" / "benign_traffic.csv").write_text("")
    with pytest.raises(DataError, match="is empty"):
        read("n-baiot", tmp_path)


def test_a_folders_files_say_whose_they_are(tmp_path):
    baiot, own, kdd = tmp_path / "devices", tmp_path / "device", tmp_path / "kdd"
    table(baiot / "camera" / "benign_traffic.csv", np.zeros((2, 115)))
    table(own / "benign_traffic.csv", np.zeros((2, 115)))
    kdd.mkdir()
    (kdd / "KDDTest+.txt.gz").touch()
    assert [source_in(folder) for folder in (baiot, own, kdd)] == ["n-baiot", "n-baiot", "nsl-kdd"]


def test_a_folder_of_neither_layout_is_told_what_was_looked_for_and_what_it_holds(tmp_path):
    for number in range(7):
        (tmp_path / f"KDD notes {number}.txt").touch()  # no file of NSL-KDD's, for all its name
    (tmp_path / "attacks").mkdir()
    looked_for = r"KDDTrain\+\.txt or KDDTrain\+_20Percent\.txt, and KDDTest\+\.txt.*benign_traffic\.csv"
    with pytest.raises(DataError, match=looked_for + r".*It holds KDD notes 0\.txt, .* KDD notes 4\.txt and 3 more\."):
        source_in(tmp_path)
    with pytest.raises(DataError, match=looked_for + r".*It is empty\."):
        source_in(tmp_path / "attacks")
    with pytest.raises(DataError, match="is no folder"):
        source_in(tmp_path / "KDD notes 1.txt")


def test_synthetic_traffic_has_n_baiots_shape_and_says_what_it_is():
    data = read("iot-synthetic", None)
    assert data.train.rows.shape[1] == 115
    assert len(data.names) == 9
    assert all("synthetic" in name for name in (*data.names, *np.unique(data.test.kinds)) if name != "benign")
    assert np.array_equal(read("iot-synthetic", None).test.rows, data.test.rows)


def test_the_real_files_are_as_they_should_be():
    if "SWARM_CHAIN_NSL_KDD" not in os.environ:
        pytest.skip("SWARM_CHAIN_NSL_KDD, the folder of NSL-KDD's files, is not set: its licence is not confirmed, so they are not here.")
    data = read("nsl-kdd", Path(os.environ["SWARM_CHAIN_NSL_KDD"]))
    assert data.test.rows.shape == (22_544, 122)
    assert int((data.test.kinds == "benign").sum()) == 9_711
    assert np.unique(data.train.devices).tolist() == [0, 1, 2, 3, 4]
