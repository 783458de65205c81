"""The parameters of edits."""

from dataclasses import dataclass

from napari_cathode.parameters import check, parameter


@dataclass(frozen=True)
class EditParameters:
    """How particles are corrected.

    Attributes
    ----------
    parts : int
        Into how many particles an automatic split divides one.
    smoothing_um : float
        Standard deviation, in µm, of the Gaussian that smooths an outline.
    reach_um : float
        How far, in µm, a particle may grow.
    """

    parts: int = parameter(2, help="Into how many particles an automatic split divides one", bounds=(2, 12))
    smoothing_um: float = parameter(
        0.3,
        help="Bumps and notches of about this size are smoothed away",
        label="Smooth by",
        unit="µm",
        bounds=(0.01, 50.0),
    )
    reach_um: float = parameter(
        0.5, help="How far a particle grows, at most", label="Grow by up to", unit="µm", bounds=(0.01, 50.0)
    )

    def __post_init__(self) -> None:
        check(self)
