"""Whatever is wrong with a file: one clear sentence, and nothing on the screen beside it."""

import re
from pathlib import Path

import pytest
from bad_files import CASES, GREY, BadCase

from napari_cathode.errors import InputError
from napari_cathode.io import read


def test_there_are_enough_cases():
    assert len(CASES) >= 20
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input_gets_one_clear_sentence(case: BadCase, tmp_path: Path, capfd, caplog):
    made = case.make(tmp_path)
    with pytest.raises(InputError) as caught:
        case.use(made)
    text = str(caught.value)
    for words in case.says:
        assert words in text
    assert "\n" not in text
    assert text.endswith(".")
    assert len(re.findall(r"[.;] (?=[A-Z])", text)) <= 1, "more than two sentences"
    assert len(text) < 320
    assert not any(word in text for word in ("Traceback", "Error(", "errno", "object at 0x"))
    assert capfd.readouterr() == ("", "")


def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    import tifffile

    path = tmp_path / "secret.tif"
    tifffile.imwrite(path, GREY)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"secret\.tif may not be read by you"):
        read(path)


def test_a_slice_that_is_damaged_later_is_named_when_it_is_read(tmp_path):
    import numpy as np
    import tifffile

    for number in range(3):
        tifffile.imwrite(tmp_path / f"s{number}.tif", GREY[number], compression="zlib")
    tomogram = read(tmp_path, field_of_view=False)
    (tmp_path / "s1.tif").write_bytes(b"II*\0" + bytes(60))
    with pytest.raises(InputError, match=r"s1\.tif"):
        np.asarray(tomogram.data)
