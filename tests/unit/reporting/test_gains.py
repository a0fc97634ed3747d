import pandas as pd
import pytest

from xmodal_pipeline.reporting.gains import find_gains, tabulate_gains
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames()


def test_differences_to_baselines_name_what_was_compared(studies):
    differences = pd.concat(
        [
            studies.make_differences(band_means=(0.3, 0.1, 0.5, 0.01)),
            studies.make_differences("retrieval", metric="mrr", band_means=(0.2, 0.1, 0.5, 0.01)),
            studies.make_differences("classification", "sex", "accuracy", band_means=(-0.1, -0.2, 0.0, 0.8)),
        ]
    )
    recall = tabulate_gains(differences, NAMES, is_retrieval=True)
    assert recall.rows == [
        (
            *("separate", "[band means] (combined)", "RGB → UV", "all", "0.62", "0.32"),
            *("0.30 (0.10 to 0.50)", "0.005", "0.010", "20"),
        )
    ]
    (accuracy,) = tabulate_gains(differences, NAMES, is_retrieval=False).rows
    assert accuracy[:3] == ("separate", "[band means] (combined)", "sex")
    assert accuracy[-4:] == ("−0.10 (−0.20 to 0.00)", "0.400", "0.800", "20")
    assert tabulate_gains(differences.iloc[:0], NAMES, is_retrieval=True).rows == []


def test_accuracy_is_judged_against_every_baseline(studies):
    rows = studies.make_differences("classification", "sex", "accuracy", band_means=(-0.05, -0.15, 0.06, 1.0))
    (found,) = find_gains(rows, "separate", NAMES)
    assert not found.is_claim
    assert found.text.replace("\u00a0", " ") == (
        "For sex, balanced accuracy is 0.62 (joint, n = 20), not shown to differ from band means (0.67; "
        "corrected p = 1.000)."
    )
    assert find_gains(rows, "concat", NAMES) == []
    rows = rows.assign(difference=0.2, low=0.1, high=0.3, p_adjusted=0.03)
    assert find_gains(rows, "separate", NAMES)[0].is_claim


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("p", "low", "is_shown"), [(0.05, 0.1, True), (0.051, 0.1, False), (0.01, 0.0, False)]
)
def test_the_same_test_decides_in_either_direction(studies, sign, p, low, is_shown):
    limits = sorted([sign * low, sign * 0.4])
    rows = studies.make_differences("classification", "sex", "accuracy", pixels=(sign * 0.2, *limits, p))
    (found,) = find_gains(rows, "separate", NAMES)
    words = (
        ("above pixels (" if sign > 0 else "below pixels (")
        if is_shown
        else "not shown to differ from pixels ("
    )
    assert f"n = 20), {words}" in found.text
    assert found.is_claim is (is_shown and sign > 0)


def test_what_is_better_decides_before_what_is_open(studies):
    rivals = {"pixels": (-0.3, -0.7, 0.1, 0.4), "silhouette": (-0.2, -0.3, -0.1, 0.01)}
    (found,) = find_gains(
        studies.make_differences("classification", "sex", "accuracy", **rivals), "separate", NAMES
    )
    assert ", below silhouette (0.82; corrected p = 0.010" in found.text
    nan = float("nan")
    lacking = {"pixels": (0.0, -0.1, 0.1, 1.0), "silhouette": (nan, nan, nan, nan)}
    (found,) = find_gains(
        studies.make_differences("classification", "sex", "accuracy", **lacking), "separate", NAMES
    )
    assert not found.is_claim
    assert found.text.endswith(", not compared with silhouette.")
    better = {"pixels": (0.3, 0.1, 0.5, 0.01), "silhouette": (0.2, 0.1, 0.3, 0.01)}
    (found,) = find_gains(
        studies.make_differences("classification", "sex", "accuracy", **better), "separate", NAMES
    )
    assert (
        ", above each of 2 baselines, the strongest being silhouette (0.42; corrected p = 0.010" in found.text
    )
