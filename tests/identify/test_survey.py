"""What is known before a run, and where the network runs."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from discs import disc_slice

from napari_cathode.errors import InputError
from napari_cathode.identify import IdentifyParameters, identify_volume, predict, predict_3d, survey_3d
from napari_cathode.identify.models import open_model
from napari_cathode.identify.network import Network, kept_network
from napari_cathode.identify.providers import CPU, choose_providers, open_session
from napari_cathode.identify.survey import Survey, estimate, iter_survey
from napari_cathode.progress import drain
from napari_cathode.simulate import PRESETS, simulate
from napari_cathode.tomogram import Tomogram
from napari_cathode.whole_run import FUSE, estimate_run


@pytest.mark.parametrize("method", ["stardist2d", "watershed"])
def test_a_survey_fills_in_what_is_open(method):
    image, _ = disc_slice()
    survey = drain(iter_survey(Tomogram(image[None]), IdentifyParameters(method=method)))
    assert survey.parameters.diameter_um == pytest.approx(40, rel=0.15)
    assert survey.pixel_s > 0
    assert "processor" in survey.backend or "GPU" in survey.backend


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((1, 64, 64), 7, np.uint8), "constant"),
        (np.zeros((1, 0, 64), np.uint8), "empty"),
        (np.full((1, 64, 64), np.nan, np.float32), "not numbers"),
    ],
)
def test_an_image_that_cannot_be_used_is_refused_in_one_sentence(image, words):
    with pytest.raises(InputError, match=words) as error:
        drain(iter_survey(Tomogram(image, name="mine"), IdentifyParameters(diameter_um=20)))
    assert "mine" in str(error.value)
    assert "\n" not in str(error.value)


def test_estimates_grow_with_the_work():
    survey = Survey(IdentifyParameters(diameter_um=3.0), (), "processor", 0.01, 1e-6, 24.0, 400.0)
    tomogram = Tomogram(np.broadcast_to(np.uint8(0), (100, 200, 300)), (0.1, 0.1, 0.1))
    one, three = estimate(survey, tomogram, ("xy",)), estimate(survey, tomogram, ("xy", "xz", "yz"))
    # Particles measure 30 voxels and 24 working pixels: 160 × 240 working pixels a slice.
    assert one.seconds == pytest.approx(100 * (0.01 + 160 * 240 * 1e-6))
    assert three.seconds == pytest.approx(3 * one.seconds + (100 + 200) * 0.01, rel=0.01)
    assert three.memory > one.memory > 0
    slower = replace(survey, fused=(0.02, 4e-6))
    assert estimate(slower, tomogram, ("xy",)).seconds == pytest.approx(one.seconds)
    assert estimate(slower, tomogram, ("xy", "xz", "yz")).seconds > 2.9 * three.seconds
    part = estimate(survey, tomogram.part(((0, 10), (0, 200), (0, 300))), ("xy",))
    assert part.seconds == pytest.approx(one.seconds / 10)


def test_the_work_of_a_3d_network_is_told_from_a_block():
    made = simulate(replace(PRESETS["nmc-10-cycles"], size_z=64, size_y=80, size_x=80, voxel_um=0.2), 802)
    tomogram = Tomogram(made.image, made.spacing_um)
    parameters = IdentifyParameters(method="stardist3d", diameter_um=6.0)  # 30 voxels, as the network wants
    survey = drain(iter_survey(tomogram, parameters))
    assert survey.parameters.diameter_um == 6.0
    whole = estimate(survey, tomogram, ())
    candidates = identify_volume(tomogram, parameters).candidates
    held = 4 * (64 + 4) * len(candidates.probability) / (64 * 80 * 80)
    assert survey.volume.candidate_bytes == pytest.approx(2.2 * held, rel=0.4)
    large = Tomogram(np.broadcast_to(np.uint8(0), (512, 512, 512)), made.spacing_um)
    more = estimate(survey, large, ())
    assert more.seconds > 100 * whole.seconds > 0
    assert 2e9 < more.memory < 12e9
    assert FUSE in estimate_run(replace(survey, volume=None), tomogram, ("xy",)).steps
    assert FUSE not in estimate_run(survey, tomogram, ("xy",)).steps


class CoarseNetwork:
    """A 3D network that sees one particle in the middle of each block, with a grid and a depth of one's choice."""

    backend, pixel_bytes, tiles = "processor", 1.0, Network.tiles

    def __init__(self, grid, divisor, diameter_px):
        info = open_model("nmc-3d", 3).info
        self.info = replace(info, grid=grid, divisor=divisor, diameter_px=diameter_px)

    def run_block(self, block):
        shape = [-(-size // step) for size, step in zip(block.shape, self.info.grid, strict=True)]
        probability = np.zeros(shape, np.float32)
        probability[tuple(size // 2 for size in shape)] = 0.9
        return probability, np.full((*shape, self.info.n_rays), 5, np.float32)


@pytest.mark.parametrize(
    ("grid", "divisor", "diameter_px", "spacing"),
    [
        ((4, 4, 4), (32, 32, 32), 16.0, (1, 1, 1)),
        ((4, 4, 4), (32, 32, 32), None, (1, 1, 1)),
        ((1, 2, 2), (4, 8, 8), 16.0, (6, 1, 1)),
        ((2, 2, 2), (8, 8, 8), 16.0, (100, 1, 1)),  # a voxel is thicker than a block
    ],
)
def test_3d_networks_of_any_make_are_timed(monkeypatch, grid, divisor, diameter_px, spacing):
    network = CoarseNetwork(grid, divisor, diameter_px)
    monkeypatch.setattr(survey_3d, "kept_network", lambda _model: network)
    monkeypatch.setattr(predict_3d, "Network", lambda _model: network)
    image = np.random.default_rng(0).integers(0, 255, (3, 70, 70), np.uint8)
    tomogram = Tomogram(image, spacing)
    parameters = IdentifyParameters(method="stardist3d", diameter_um=16.0)
    survey = drain(iter_survey(tomogram, parameters))
    assert estimate(survey, tomogram, ()).seconds > 0
    blocks = []
    usual = network.run_block
    monkeypatch.setattr(network, "run_block", lambda block: blocks.append(block.size) or usual(block))
    assert identify_volume(tomogram, parameters).labels.any()
    costs = replace(survey.volume, fed_s=1.0, voxel_s=0.0)
    assert survey_3d.estimate_volume(costs, tomogram, parameters, diameter_px or 0.0)[0] == sum(blocks)


def test_a_3d_network_wants_a_volume():
    with pytest.raises(InputError, match="single slice"):
        drain(iter_survey(Tomogram(disc_slice()[0][None]), IdentifyParameters(method="stardist3d", diameter_um=20)))


def test_a_card_is_preferred_and_the_processor_comes_last():
    assert choose_providers([CPU, "AzureExecutionProvider", "CUDAExecutionProvider"]) == ["CUDAExecutionProvider", CPU]
    assert choose_providers([CPU, "CoreMLExecutionProvider", "TensorrtExecutionProvider"]) == [CPU]


def test_a_card_that_cannot_be_used_is_no_failure(monkeypatch):
    import onnxruntime

    class Session:
        def __init__(self, _path, sess_options, providers):
            if providers[0] != CPU and broken:
                raise RuntimeError("no driver")
            self._providers = providers

        def get_providers(self):
            return self._providers

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", CPU])
    broken = True
    assert open_session("a.onnx", None, 2)[1] == "processor, 2 cores"
    broken = False
    assert open_session("a.onnx", None, 2)[1] == "NVIDIA GPU (CUDA)"


def test_a_network_stays_open_until_its_file_changes(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(open_model("nmc-2d").info.folder, folder)
    first = kept_network(open_model(folder))
    assert isinstance(first, Network)
    assert kept_network(open_model(folder)) is first
    onnx = Path(folder / "model.onnx")
    onnx.write_bytes(onnx.read_bytes())
    assert kept_network(open_model(folder)) is not first


def test_views_with_a_model_of_their_own_count_for_themselves():
    usual = Survey(IdentifyParameters(diameter_um=3.0), (), "processor", 0.01, 1e-6, 24.0, 400.0, (0.02, 2e-6))
    slow = replace(usual, slice_s=0.1, pixel_s=1e-5, pixel_bytes=4000.0, fused=(0.2, 2e-5))
    tomogram, views = Tomogram(np.broadcast_to(np.uint8(0), (100, 100, 100)), (0.1, 0.1, 0.1)), ("xy", "xz", "yz")
    same, mixed = estimate(usual, tomogram, views), estimate(replace(usual, others=(("yz", slow),)), tomogram, views)
    assert mixed.seconds == pytest.approx(same.seconds * (2 + 10) / 3)
    assert mixed.memory > same.memory
    assert estimate(replace(usual, others=(("yz", slow),)), tomogram, ("xy",)) == estimate(usual, tomogram, ("xy",))


def test_no_margins_are_counted_where_slices_are_not_tiled():
    survey = Survey(IdentifyParameters(diameter_um=3.0), (), "processor", 0.01, 1e-6, 24.0, 40.0, margin=0)
    tomogram = Tomogram(np.broadcast_to(np.uint8(0), (1, 4000, 4000)), (0.1, 0.1, 0.1))
    assert estimate(survey, tomogram, ("xy",)).seconds == pytest.approx(0.01 + 3200**2 * 1e-6)
    assert estimate(replace(survey, margin=160), tomogram, ("xy",)).seconds > 1.2 * 3200**2 * 1e-6
    image, _ = disc_slice()
    parameters = IdentifyParameters(method="watershed", diameter_um=40.0)
    assert drain(iter_survey(Tomogram(image[None]), parameters)).margin == 0


def test_a_volume_is_surveyed_for_views_that_are_fused_and_for_each_model(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(open_model("nmc-2d").info.folder, own)
    image, _ = disc_slice()
    tomogram = Tomogram(np.stack([image] * 5), (1, 1, 1))
    survey = drain(iter_survey(tomogram, IdentifyParameters(diameter_um=40.0, model_yz=str(own))))
    assert survey.fused is not None
    assert all(value > 0 for value in survey.fused)
    assert [view for view, _ in survey.others] == ["yz"] and survey.of_view("xz") is survey
    assert survey.of_view("yz").parameters.model == str(own) and survey.of_view("yz").fused is not None
    assert survey.parameters.model_yz == str(own)


def test_views_that_are_fused_are_timed_at_their_own_threshold(monkeypatch):
    """It is lower, and lets several times as many candidates through."""
    image, _ = disc_slice()
    used = []
    usual = predict.StarDistFinder.iter_find

    def watched(finder, *arguments):
        used.append(finder.parameters.prob_threshold)
        return usual(finder, *arguments)

    monkeypatch.setattr(predict.StarDistFinder, "iter_find", watched)
    drain(iter_survey(Tomogram(np.stack([image] * 3), (1, 1, 1)), IdentifyParameters(diameter_um=40.0)))
    info = open_model(IdentifyParameters().model).info
    assert set(used) == {info.probability_threshold, info.fused_probability_threshold}
    assert info.fused_probability_threshold < info.probability_threshold
