"""The chart of accuracies."""

from pathlib import Path

from swarm_chain.cli import chart


def test_higher_values_stand_higher() -> None:
    drawn = chart.text([0.5, 0.9], height=4).splitlines()
    assert len(drawn) == 6
    columns = [[line[10 + 4 * column] for line in drawn[:4]] for column in (0, 1)]
    assert columns == [[" ", " ", " ", "▆"], ["▅", "█", "█", "█"]]


def test_the_reference_is_drawn_where_it_lies() -> None:
    drawn = chart.text([0.6, 0.8], reference=0.95)
    (line,) = [line for line in drawn.splitlines() if "central 95.0%" in line]
    assert "┄" in line


def test_no_rounds_is_said() -> None:
    assert chart.text([]) == "(no rounds)"


def test_all_equal_and_extreme_values_are_drawn() -> None:
    for values in ([0.0, 0.0], [1.0, 1.0], [1.0]):
        assert "round" in chart.text(values)


def test_a_png_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a b.png"
    chart.png(path, [0.5, 0.8], by_node=[[0.4, None], [None, 0.9]], reference=0.95, title="Digits")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
