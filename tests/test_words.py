import pytest

from napari_cathode.words import particles_in_words


@pytest.mark.parametrize(("count", "words"), [(0, "0 particles"), (1, "1 particle"), (2, "2 particles")])
def test_one_particle_is_one(count, words):
    assert particles_in_words(count) == words
