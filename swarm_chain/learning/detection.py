"""From how badly rows are drawn to alarms: thresholds, rates, curves, and simple detectors to compare with.

An error is a row's reconstruction error, higher for what is more unusual. A threshold is set on benign rows alone, as a device must.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import DataError
from swarm_chain.learning.traffic import BENIGN

Errors = NDArray[np.float64]
BASELINES = ("distance to the mean", "PCA-16", "isolation forest")
ADAPTATION = 0.01
"""Step of the adaptive threshold's logarithm."""
FAR = 2.0
"""As many times a threshold is far above it, and as far as it ever moves."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Of ``rows`` of one ``kind`` the share over the threshold: detected, or for benign rows the false positives."""

    kind: str
    rows: int
    share: float


@dataclass(frozen=True, eq=False)
class Curves:
    """ROC and precision-recall, a point a threshold from the highest down: float64[k] each, and the areas below."""

    false_positive_rate: NDArray[np.float64]
    detection_rate: NDArray[np.float64]
    precision: NDArray[np.float64]
    auc: float
    average_precision: float


def threshold(errors: Errors) -> float:
    """Of one device: mean and one standard deviation of the errors of benign rows that it did not train on (Meidan et al. 2018)."""
    if not len(errors):
        raise DataError("A threshold needs at least one benign row.", do="Give the device more data.")
    return float(errors.mean() + errors.std())


def quantile_threshold(errors: Errors, false_positives: float) -> float:
    """The error above which so large a share of benign rows lies."""
    if not len(errors):
        raise DataError("A threshold needs at least one benign row.", do="Give the device more data.")
    return float(np.quantile(errors, 1 - false_positives))


def global_threshold(of_devices: NDArray[np.float64]) -> float:
    """One threshold for all: the median of the devices' own, one number each; a minority moves it no further than the others'."""
    return float(np.median(of_devices))


def adaptive_alarms(errors: Errors, calm: Errors) -> NDArray[np.bool_]:
    """Alarms of rows in the order of time, by a threshold that follows the device: bool[n].

    It begins as the device's own, and is moved by every row so that as many benign rows stay above it as of ``calm``, held-out benign ones
    (quantile tracking; Robbins and Monro 1951). Rows far above teach it nothing, and it stays within half and twice of where it began: no
    flood of attacks drags it along.
    """
    begin = threshold(calm)
    share, level = float((calm > begin).mean()), begin
    alarms = np.zeros(len(errors), np.bool_)
    for index, error in enumerate(errors.tolist()):
        alarms[index] = error > level
        if error <= FAR * level:
            level = float(np.clip(level * np.exp(ADAPTATION * (float(alarms[index]) - share)), begin / FAR, begin * FAR))
    return alarms


def rates(alarms: NDArray[np.bool_], kinds: NDArray[np.str_]) -> list[Rate]:
    """Share of alarms a kind of traffic, benign first, then attacks by how many rows there are."""
    found, counts = np.unique(kinds, return_counts=True)
    order = sorted(zip(found.tolist(), counts.tolist(), strict=True), key=lambda pair: (pair[0] != BENIGN, -pair[1], pair[0]))
    return [Rate(kind, rows, float(alarms[kinds == kind].mean())) for kind, rows in order]


def curves(errors: Errors, attacks: NDArray[np.bool_]) -> Curves:
    """ROC and precision-recall of errors, float64[n]; rows of one error fall together. DataError unless there are both kinds of row."""
    positives, negatives = int(attacks.sum()), int((~attacks).sum())
    if not positives or not negatives:
        raise DataError("Curves need rows of attacks and benign ones.", do="Give test data that have both.")
    order = np.argsort(-errors, kind="stable")
    last = np.append(np.flatnonzero(np.diff(errors[order])), len(errors) - 1)
    hits = np.cumsum(attacks[order])[last].astype(np.float64)
    alarms = last + 1.0
    detected = np.concatenate([[0.0], hits / positives])
    false = np.concatenate([[0.0], (alarms - hits) / negatives])
    precision = np.concatenate([[1.0], hits / alarms])
    return Curves(
        false,
        detected,
        precision,
        auc=float(np.trapezoid(detected, false)),
        average_precision=float((np.diff(detected) * precision[1:]).sum()),
    )


def baselines(train: NDArray[np.float32], test: NDArray[np.float32], seed: int) -> Iterator[tuple[str, Errors]]:
    """Simple detectors, each trained on all benign rows in one place (float32[n, features], standardised), and their errors of ``test``.

    The isolation forest is Liu, Ting and Zhou's (2008), of scikit-learn.
    """
    mean = train.mean(0)
    yield BASELINES[0], ((test - mean) ** 2).sum(1).astype(np.float64)
    _, _, axes = np.linalg.svd(train - mean, full_matrices=False)
    away = test - mean
    yield BASELINES[1], ((away - away @ axes[:16].T @ axes[:16]) ** 2).sum(1).astype(np.float64)
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=100, random_state=seed).fit(train)
    yield BASELINES[2], -np.asarray(forest.score_samples(test), np.float64)
