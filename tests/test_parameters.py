from dataclasses import dataclass, field

import pytest

from napari_cathode import parameters
from napari_cathode.errors import InputError
from napari_cathode.parameters import parameter


@dataclass(frozen=True)
class Step:
    method: str = parameter("fast", help="How.", choices=("fast", "slow"))
    radius_um: float = parameter(0.5, help="How far.", unit="µm", bounds=(0.1, 10))
    diameter_um: float | None = parameter(None, help="How large.", unit="µm", bounds=(0, None))
    rounds: int = parameter(3, help="How often.", bounds=(1, None), advanced=True)

    def __post_init__(self) -> None:
        parameters.check(self)


@dataclass(frozen=True)
class Way:
    step: Step = field(default_factory=Step)
    seed: int = 0


def test_describe_tells_what_forms_need():
    infos = {info.name: info for info in parameters.describe(Step)}
    assert list(infos) == ["method", "radius_um", "diameter_um", "rounds"]
    assert infos["method"].choices == ("fast", "slow")
    assert infos["radius_um"].label == "Radius"
    assert infos["radius_um"].unit == "µm"
    assert infos["diameter_um"].optional and infos["diameter_um"].kind is float
    assert infos["rounds"].kind is int and infos["rounds"].advanced


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"method": "other"}, "choose one of 'fast', 'slow'"),
        ({"radius_um": 11.0}, r"radius_um is 11 µm; it must be between 0\.1 and 10 µm"),
        ({"radius_um": float("nan")}, "not a number"),
        ({"radius_um": "wide"}, "should be a number"),
        ({"radius_um": None}, "needs a value"),
        ({"diameter_um": -1.0}, "at least 0 µm"),
        ({"rounds": 2.5}, "a whole number"),
        ({"speed": 1}, "unknown name 'speed'"),
    ],
)
def test_values_that_do_not_fit_get_a_sentence(values, text):
    with pytest.raises(InputError, match=text):
        parameters.from_dict(Step, values)


def test_plain_values_make_the_same_parameters_again():
    way = Way(Step(method="slow", diameter_um=8.0), seed=5)
    assert parameters.from_dict(Way, parameters.to_dict(way)) == way


def test_whole_numbers_are_fine_for_floats():
    assert parameters.from_dict(Step, {"radius_um": 2}).radius_um == 2.0


def test_an_error_in_a_part_names_the_part():
    with pytest.raises(InputError, match="part step"):
        parameters.from_dict(Way, {"step": {"speed": 1}}, "run.yaml")
