"""What a whole run takes, before it begins."""

from dataclasses import replace

import numpy as np
import pytest

from napari_cathode.identify import IdentifyParameters
from napari_cathode.identify.survey import Survey, estimate
from napari_cathode.tomogram import Tomogram
from napari_cathode.whole_run import estimate_run, expect_fusing, expect_measuring, particles_in

VIEWS = ("xy", "xz", "yz")
SURVEY = Survey(IdentifyParameters(diameter_um=4.0), (), "processor", 0.01, 1e-6, 24.0, 400.0)


def tomogram(*shape):
    """Give an empty tomogram with voxels of 0.2 µm."""
    return Tomogram(np.zeros(shape, np.uint8), (0.2,) * 3, "t")


def test_all_steps_take_longer_than_finding_and_more_the_larger_the_volume():
    small, large = (estimate_run(SURVEY, tomogram(*shape), VIEWS) for shape in ((40, 80, 80), (80, 160, 160)))
    assert small.finding == estimate(SURVEY, tomogram(40, 80, 80), VIEWS)
    assert small.seconds > small.finding.seconds
    assert large.seconds - large.finding.seconds > small.seconds - small.finding.seconds + 3
    assert large.memory >= 54 * 80 * 160 * 160
    assert large.starting == small.starting > estimate_run(SURVEY, tomogram(1, 80, 80), ("xy",)).starting


def test_a_slow_computer_takes_longer_for_the_later_steps():
    volume = tomogram(40, 80, 80)
    usual, slow = (estimate_run(replace(SURVEY, slowness=of), volume, VIEWS) for of in (1.0, 3.0))
    assert usual.finding == slow.finding
    later = usual.seconds - usual.finding.seconds
    assert slow.seconds - slow.finding.seconds == pytest.approx(3 * later)


def test_the_guess_of_how_many_particles_is_that_of_a_full_electrode():
    volume, flat = tomogram(50, 100, 100), tomogram(1, 100, 100)
    assert particles_in(SURVEY, volume) == pytest.approx(0.6 * 10 * 20 * 20 / (np.pi / 6 * 4**3))
    assert particles_in(SURVEY, flat) == pytest.approx(0.6 * 20 * 20 / (np.pi / 4 * 4**2))


def test_a_slice_is_not_fused():
    flat, volume = (
        estimate_run(SURVEY, tomogram(1, 200, 200), ("xy",)),
        estimate_run(SURVEY, tomogram(4, 100, 100), VIEWS),
    )
    assert flat.seconds - flat.finding.seconds < volume.seconds - volume.finding.seconds


def test_large_volumes_are_not_said_to_need_what_blocks_spare():
    assert expect_fusing(10**7).memory == pytest.approx(84e7)
    assert expect_fusing(10**9).memory == expect_fusing(2 * 10**9).memory < 3e9
    assert expect_fusing(10**9, "linking").memory > 50e9, "which goes in memory alone"
    assert expect_measuring(10**9).memory <= 4e9
