"""Finding particles in volumes with the shipped 3D model."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.identify import IdentifyParameters, identify_volume, iter_identify, match, predict_3d
from napari_cathode.identify.models import find_model, open_model
from napari_cathode.identify.network import Network
from napari_cathode.identify.rescale import GreyRange, rescale
from napari_cathode.identify.training_volumes import typical_diameter_3d
from napari_cathode.identify.working_volume import WorkingVolume, iter_working_volume
from napari_cathode.progress import drain
from napari_cathode.simulate import PRESETS, simulate
from napari_cathode.tomogram import Tomogram

PARAMETERS = IdentifyParameters(method="stardist3d")


@pytest.fixture(scope="module")
def electrode():
    return simulate(replace(PRESETS["nmc-10-cycles"], size_z=72, size_y=128, size_x=128, voxel_um=0.2), 801)


@pytest.fixture(scope="module")
def found(electrode):
    tomogram = Tomogram(electrode.image, electrode.spacing_um)
    return identify_volume(tomogram, replace(PARAMETERS, diameter_um=5.4))


@pytest.mark.parametrize("factors", [(0.5, 0.4, 0.3), (1.7, 0.5, 0.5), (1.0, 1.0, 1.0), (0.35, 1.2, 1.0)])
def test_the_working_volume_is_the_rescaled_one(factors):
    image = np.random.default_rng(0).integers(0, 255, (23, 30, 41)).astype(np.uint8)
    whole = rescale(image.astype(np.float32) / 255, factors)
    made = drain(iter_working_volume(Tomogram(image), GreyRange(0, 255), factors))
    assert made.image.shape == whole.shape
    assert np.abs(made.image - whole).max() < 2e-3  # half precision
    assert made.scale == pytest.approx([new / old for new, old in zip(whole.shape, image.shape, strict=True)])


def test_most_particles_of_another_seed_are_found(electrode, found):
    assert match(electrode.labels, found.labels, 0.5).average_precision > 0.7
    assert len(found.probability) == found.labels.max()
    assert found.parameters.prob_threshold == find_model("nmc-3d").probability_threshold


def test_coarse_slices_give_the_same_particles(electrode):
    tomogram = Tomogram(electrode.image[::2], (0.4, 0.2, 0.2))
    coarse = identify_volume(tomogram, replace(PARAMETERS, diameter_um=5.4))
    assert coarse.labels.shape == tomogram.shape
    assert match(electrode.labels[::2], coarse.labels, 0.5).average_precision > 0.6


def test_blocks_find_what_the_whole_does(electrode, found, monkeypatch):
    monkeypatch.setattr(predict_3d, "BLOCK", 96)
    tomogram = Tomogram(electrode.image, electrode.spacing_um)
    blocks = identify_volume(tomogram, replace(PARAMETERS, diameter_um=5.4))
    # Of two candidates that are all but equally probable either may be taken, and one at the threshold or not.
    for one, other in ((found, blocks), (blocks, found)):
        sure = np.flatnonzero(one.probability > one.parameters.prob_threshold + 0.01) + 1
        kept = np.where(np.isin(one.labels, sure), one.labels, 0)
        assert len(sure) > 90 and match(kept, other.labels, 0.9).recall > 0.97
    assert abs(int(found.labels.max()) - int(blocks.labels.max())) <= 2


@pytest.mark.parametrize("size", [1, 7, 8, 100, 144, 145, 200, 256, 257, 447, 1000])
@pytest.mark.parametrize("divisor", [4, 8, 16])
def test_blocks_cover_an_axis_once_and_see_beyond_their_part(size, divisor):
    beyond, margin = predict_3d._rims(divisor)
    cores = predict_3d._cores(size, divisor)
    assert [start for start, _ in cores] == [0, *(stop for _, stop in cores[:-1])] and cores[-1][1] == size
    assert all(start % divisor == 0 for start, _ in cores)
    for start, stop in cores:
        first, last = predict_3d._with_margin((start, stop), size, divisor)
        assert first % divisor == 0
        assert first == (0 if start == 0 else start + beyond - margin)
        assert last == min(stop + beyond + margin, size + 2 * beyond) and last - first <= predict_3d.BLOCK
    assert predict_3d.block_sizes((size, 8, 8), (divisor,) * 3)[0][0] <= predict_3d.BLOCK


def test_other_thresholds_need_no_network(electrode, found):
    strict = replace(found.parameters, prob_threshold=0.8)
    tomogram = Tomogram(electrode.image, electrode.spacing_um)
    chosen, labels = drain(predict_3d.iter_select(found.candidates, strict, tomogram, found.scale))
    assert 0 < labels.max() < found.labels.max()
    assert chosen.probability.min() > 0.8
    _, same = drain(predict_3d.iter_select(found.candidates, found.parameters, tomogram, found.scale))
    assert np.array_equal(same, found.labels)


def test_a_low_threshold_finds_what_is_less_probable(electrode):
    tomogram = Tomogram(electrode.image[:40, :64, :64], electrode.spacing_um)
    low = identify_volume(tomogram, replace(PARAMETERS, diameter_um=5.4, prob_threshold=0.02))
    assert 0.02 < low.probability.min() < predict_3d.FLOOR
    assert low.candidates.probability.min() > 0.02


def test_nothing_is_found_outside_the_field_of_view(electrode):
    seen = np.zeros((1, 128, 128), bool)
    seen[:, :, :64] = True
    image = np.where(seen, electrode.image, 103).astype(np.uint8)
    tomogram = Tomogram(image, electrode.spacing_um, field_of_view=seen)
    labels = identify_volume(tomogram, replace(PARAMETERS, diameter_um=5.4)).labels
    assert labels[:, :, :64].any() and not labels[:, :, 64:].any()


def test_the_diameter_of_balls():
    z, y, x = np.indices((30, 30, 60)) - 14
    labels = ((z**2 + y**2 + x**2) < 100).astype(int) + 2 * ((z**2 + y**2 + (x - 30) ** 2) < 25)
    assert typical_diameter_3d(labels) == pytest.approx(20, rel=0.02)
    assert typical_diameter_3d(labels * 0) is None


def test_a_block_of_any_size_runs():
    network = Network(open_model("nmc-3d", 3))
    block = np.random.default_rng(1).normal(0.5, 0.2, (40, 48, 33)).astype(np.float32)
    probability, distance = network.run_block(block)
    assert probability.shape == (20, 24, 17) and distance.shape == (20, 24, 17, 64)
    assert 0 <= probability.min() and probability.max() <= 1


@pytest.mark.parametrize(
    "image, parameters, said",
    [
        (np.zeros((1, 40, 40), np.uint8), PARAMETERS, "single slice"),
        (np.full((9, 40, 40), 7, np.uint8), PARAMETERS, "constant"),
        (np.zeros((0, 40, 40), np.uint8), PARAMETERS, "empty"),
        (np.random.default_rng(0).normal(size=(9, 40, 40)), replace(PARAMETERS, model_3d="nmc-2d"), "for 2D images"),
        (np.random.default_rng(0).normal(size=(9, 40, 40)), replace(PARAMETERS, model_3d="none"), "no model"),
        (np.where(np.eye(40) > 0, np.nan, np.ones((9, 40, 40))), PARAMETERS, "not numbers"),
        (np.random.default_rng(0).normal(size=(9, 400, 400)), replace(PARAMETERS, diameter_um=0.01), "more than"),
    ],
)
def test_bad_input_gets_a_sentence(image, parameters, said):
    parameters = replace(parameters, diameter_um=parameters.diameter_um or 20.0)
    with pytest.raises(InputError, match=said):
        identify_volume(Tomogram(image, (0.1, 0.1, 0.1) if parameters.diameter_um == 0.01 else None), parameters)


def test_the_3d_method_has_no_slices():
    with pytest.raises(InputError, match="whole volumes"):
        drain(iter_identify(Tomogram(np.zeros((9, 40, 40), np.uint8)), PARAMETERS))


@pytest.mark.parametrize(
    ("grid", "divisor"),
    [((1, 1, 1), (4, 4, 4)), ((2, 2, 2), (8, 8, 8)), ((1, 2, 2), (4, 8, 8)), ((4, 4, 4), (16,) * 3)],
)
@pytest.mark.parametrize("shape", [(2, 150, 5), (33, 7, 130)])
def test_each_grid_point_is_taken_once_and_from_its_place(monkeypatch, grid, divisor, shape):
    class Echo:
        """A network whose probabilities are the greys at the grid points."""

        info = replace(find_model("nmc-3d"), grid=grid, divisor=divisor)
        fed: ClassVar[list[tuple[int, ...]]] = []

        def run_block(self, block):
            self.fed.append(block.shape)
            greys = block[:: grid[0], :: grid[1], :: grid[2]]
            return greys, np.repeat(greys[..., None], self.info.n_rays, axis=3)

    monkeypatch.setattr(predict_3d, "BLOCK", 96)
    rng = np.random.default_rng(0)
    image, inside = rng.uniform(0.5, 1, shape).astype(np.float16), rng.random(shape) < 0.7
    volume = WorkingVolume(image, inside, (1.0, 1.0, 1.0))
    found = drain(predict_3d._iter_blocks(Echo(), volume, 0.2))
    assert len(Echo.fed) > 1 and Echo.fed == predict_3d.block_sizes(shape, divisor)
    at = found.centres.astype(int)
    assert np.array_equal(found.probability, image[tuple(at.T)])
    points = np.argwhere(inside)
    assert sorted(map(tuple, at)) == list(map(tuple, points[(points % grid == 0).all(axis=1)]))
