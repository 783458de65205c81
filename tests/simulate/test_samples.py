"""Sample data: what ships is whole, small and agrees with its truth."""

import numpy as np
import pytest

from napari_cathode import io
from napari_cathode.errors import InputError
from napari_cathode.progress import drain
from napari_cathode.resources import cache_folder, sample_data_folder
from napari_cathode.simulate import samples

NAMES = [sample.name for sample in samples.list_samples()]


def test_there_is_a_volume_of_each_preset_and_a_slice():
    assert set(NAMES) == {"nmc-10-cycles", "nmc-50-cycles", "single-crystal", "nmc-slice"}


def test_the_shipped_files_are_small():
    sizes = [path.stat().st_size for path in sample_data_folder().iterdir() if path.is_file()]
    assert max(sizes) < 5e6
    assert sum(sizes) < 12e6


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_agrees_with_its_truth(name):
    sample = samples.load_sample(name)
    assert sample.image.shape == sample.labels.shape == sample.cracks.shape == sample.parameters.shape
    assert sample.labels.dtype == np.int32
    counts = np.bincount(sample.labels.ravel())[1:]
    assert list(sample.table["label"]) == list(range(1, len(counts) + 1))
    cracked = np.bincount(sample.labels[sample.cracks], minlength=len(counts) + 1)[1:]
    whole = ~sample.table["touches_border"] if sample.image.shape[0] > 1 else np.ones(len(counts), bool)
    assert np.allclose(sample.table["damage"][whole], (cracked / counts)[whole], atol=1e-5)
    assert whole.sum() >= 80
    assert not sample.labels[~sample.field_of_view].any()
    assert len(np.unique(sample.image[~sample.field_of_view])) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_file_carries_its_spacing(name):
    tomogram = io.read(samples.SAMPLES[name].path)
    assert tomogram.spacing_um is not None
    expected = samples.SAMPLES[name].parameters.spacing_um
    assert tomogram.spacing_um[1:] == pytest.approx(expected[1:], rel=1e-4)
    assert tomogram.shape == samples.SAMPLES[name].parameters.shape


def test_an_unknown_sample_is_refused_in_words():
    with pytest.raises(InputError, match="no sample 'gold'"):
        samples.load_sample("gold")


def test_the_large_sample_is_made_once_and_then_loaded(monkeypatch):
    monkeypatch.setattr(samples, "LARGE_EDGE", 40)
    seen = []
    made = drain(samples.iter_generate_large("nmc-10-cycles"), seen.append)
    assert seen[-1].done == seen[-1].total or len(seen) > 10
    assert made.image.shape == (40, 40, 40)
    again = drain(samples.iter_generate_large("nmc-10-cycles"))
    assert np.array_equal(made.image, again.image)
    assert np.array_equal(made.labels, again.labels)


def test_stopping_early_leaves_nothing(monkeypatch):
    monkeypatch.setattr(samples, "LARGE_EDGE", 40)
    steps = samples.iter_generate_large("nmc-10-cycles")
    for _ in range(4):
        next(steps)
    steps.close()
    assert list((cache_folder() / "samples").iterdir()) == []
