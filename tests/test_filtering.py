"""What people type to choose particles."""

import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.filtering import matching_rows

COLUMNS = {
    "label": np.array([1, 2, 3, 10]),
    "damage": np.array([0.1, 0.3, np.nan, 0.5]),
    "volume_um3": np.array([10.0, 20.0, 30.0, 40.0]),
    "touches_border": np.array([True, False, False, False]),
    "phase": np.array(["a", "b", "a", "b"], dtype=object),
}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", [1, 2, 3, 10]),
        ("3", [3]),
        ("10, 1 7", [1, 10]),
        ("damage > 0.2", [2, 10]),
        ("Damage>0.2 and VOLUME_UM3 < 30", [2]),
        ("0.1 <= damage < 0.5", [1, 2]),
        ("not touches_border", [2, 3, 10]),
        ("isnan(damage) or touches_border", [1, 3]),
        ("phase == 'b'", [2, 10]),
        ("volume_um3 / 2 - 5 == 0", [1]),
        ("abs(-volume_um3) >= 3 * 10", [3, 10]),
        ("damage > 0.2 && volume_um3 > 30 || label == 1", [1, 10]),
        ("(damage > 0.2) & (volume_um3 < 30) | ~(label > 1)", [1, 2]),
        ("label < 2 ** 10 ** 10", [1, 2, 3, 10]),
        ("label < " + "9" * 400, [1, 2, 3, 10]),
    ],
)
def test_conditions(text, labels):
    assert COLUMNS["label"][matching_rows(text, COLUMNS)].tolist() == labels


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("damage >", "cannot be read"),
        ("damag > 1", "did you mean damage"),
        ("volume_um3", "no condition"),
        ("damage > 'a'", "text with numbers"),
        ("phase + 1 > 2", "no number"),
        ("-'a' > 1", "no number"),
        ("-touches_border > 1", "no number"),
        ("log('a') > 2", "no number"),
        ("not damage", "join conditions"),
        ("label > " + "(" * 300 + "1" + ")" * 300, "cannot be read"),
        ("__import__('os')", "functions"),
        ("damage.shape > 1", "do not know"),
        ("[x for x in damage] == 1", "do not know"),
        ("volume_um3 and damage > 1", "join conditions"),
    ],
)
def test_what_cannot_be_meant_is_said(text, words):
    with pytest.raises(InputError, match=words):
        matching_rows(text, COLUMNS)
