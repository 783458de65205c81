"""Feature tables as CSV with a JSON file beside."""

import json

import numpy as np
import pandas as pd
import pytest

from napari_cathode.errors import InputError
from napari_cathode.io import read_table, write_table


def table():
    rng = np.random.default_rng(6)
    columns = {
        "label": np.arange(1, 8),
        "volume_um3": rng.lognormal(3, 1, 7),
        "damage": [0.1, np.nan, 0.25, 1 / 3, 0, 1e-17, 1],
        "touches_border": [True, False] * 3 + [True],
        "note": ["cracked", "", "µ", "a,b", 'a"b', "x", "y"],
    }
    return pd.DataFrame(columns)


def test_tables_come_back_exactly(tmp_path):
    write_table(tmp_path / "features.csv", table())
    again = read_table(tmp_path / "features.csv")
    pd.testing.assert_frame_equal(again[["label", "volume_um3", "damage"]], table()[["label", "volume_um3", "damage"]])
    assert again["touches_border"].tolist() == table()["touches_border"].tolist()
    assert again["note"].fillna("").tolist() == table()["note"].tolist()


def test_the_file_is_plain_csv(tmp_path):
    write_table(tmp_path / "features.csv", table())
    raw = (tmp_path / "features.csv").read_bytes()
    assert raw.startswith(b"label,volume_um3,damage,")
    assert b"\r" not in raw and b"#" not in raw
    assert raw.count(b"\n") == 8
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "features.csv")[["label"]], table()[["label"]])


def test_the_sidecar_says_what_the_columns_are(tmp_path):
    definitions = {"volume_um3": {"unit": "µm³", "definition": "voxels × voxel volume", "range": (0, np.inf)}}
    parameters = {
        "spacing_um": (np.float32(0.5), 1, 1),
        "seed": np.int64(3),
        "fill": float("nan"),
        "flags": {"a": None},
    }
    write_table(tmp_path / "features.csv", table(), definitions, parameters)
    told = json.loads((tmp_path / "features.json").read_text("utf-8"))
    assert list(told["columns"]) == list(table().columns)
    assert told["columns"]["volume_um3"] == {"unit": "µm³", "definition": "voxels × voxel volume", "range": [0, None]}
    assert told["parameters"] == {"spacing_um": [0.5, 1, 1], "seed": 3, "fill": None, "flags": {"a": None}}
    assert told["rows"] == 7 and told["version"] and told["table"] == "features.csv"


def test_the_same_table_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_table(tmp_path / name / "t.csv", table(), {}, {"seed": 1})
    for file in ("t.csv", "t.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "label;volume_um3;damage\n1;2,5;0,25\n2;3;\n",
        "sep=;\r\nlabel;volume_um3;damage\r\n1;2,5;0,25\r\n2;3;\r\n",
        "label;volume_um3;damage\n1;2.5;0.25\n2;3;\n",
        "label\tvolume_um3\tdamage\n1\t2,5\t0,25\n2\t3\t\n",
        "\ufefflabel,volume_um3,damage\n1,2.5,0.25\n2,3,\n\n",
        "label, volume_um3, damage\n1.0, 2.5, 0.25\n2.0, 3, \n",
        "volume_um3,label,damage\n2.5,1,2.5e-1\n3,2,NaN\n",
    ],
    ids=["european", "sep line", "semicolon", "tab", "bom", "spaces", "order"],
)
def test_tables_of_spreadsheets_are_understood(tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode())
    read = read_table(tmp_path / "t.csv")
    assert read["label"].tolist() == [1, 2]
    assert read["label"].dtype == np.int64
    assert read["volume_um3"].tolist() == [2.5, 3.0]
    np.testing.assert_array_equal(read["damage"], [0.25, np.nan])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("label,damage, damage\n1,2,3\n", "t.csv has two columns named 'damage'; give each its own name"),
        ('label;"damage";damage\n1;2,5;3\n', "two columns named 'damage'"),
        ("label,damage\n1e17,2\n3,4\n", "the label 100000000000000000, which is too large"),
    ],
)
def test_what_a_table_must_not_hold(tmp_path, text, sentence):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_table(tmp_path / "t.csv")


def test_words_may_stand_beside_numbers(tmp_path):
    text = "label,seen_by,review_note,damage_um\n1,12,7,1\n2,Ann,see 3,2\n3,Ben,8,3\n4,,9,4\n"
    (tmp_path / "t.csv").write_text(text)
    read = read_table(tmp_path / "t.csv")
    assert read["seen_by"].fillna("").tolist() == ["12", "Ann", "Ben", ""]
    assert read["review_note"].tolist() == ["7", "see 3", "8", "9"]
    for column in ("seen_by", "damage_um"):
        wrong = text.replace("Ann", "13") if column == "seen_by" else text.replace(",2\n", ",two\n")
        (tmp_path / "t.csv").write_text(wrong)
        with pytest.raises(InputError, match=f"in the column {column}, not a number"):
            read_table(tmp_path / "t.csv")


def test_windows_letters_and_tables_without_rows(tmp_path):
    (tmp_path / "t.csv").write_bytes("label;größe\n1;2\n".encode("cp1252"))
    assert list(read_table(tmp_path / "t.csv").columns) == ["label", "größe"]
    (tmp_path / "t.csv").write_text("label,volume_um3\n")
    assert len(read_table(tmp_path / "t.csv")) == 0
