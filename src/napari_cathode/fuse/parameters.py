"""The parameters of the step that makes 3D particles of the views' 2D predictions."""

from dataclasses import dataclass

from napari_cathode.parameters import check, parameter


@dataclass(frozen=True)
class FuseParameters:
    """How the predictions of the views become 3D particles.

    Attributes
    ----------
    method : {"watershed"}
        Watershed on the views' mean probability.
    minimal_votes : int, optional
        How many views must see a voxel as particle; None for half of the views that there are. With fewer views
        than that, all of them must.
    smoothing_um : float, optional
        Standard deviation, in µm, of the Gaussian that smooths the fused probability; the votes are smoothed with
        half of it. None for two voxels of the finest spacing.
    split_merge : float
        How deep the fused probability (0 … 1) must dip between two peaks for them to be two particles. Small values
        split, large ones merge.
    minimal_diameter_um : float, optional
        Particles with a smaller volume than a ball of this diameter are dropped; None for a quarter of the typical
        diameter (median over the particles' voxels).
    """

    method: str = parameter("watershed", help="How views are fused", choices=("watershed",), advanced=True)
    minimal_votes: int | None = parameter(
        None, help="How many views must see a voxel as particle; half of them when left open", bounds=(1, 3)
    )
    smoothing_um: float | None = parameter(
        None,
        help="Smoothing of the fused probability; two voxels when left open",
        unit="µm",
        bounds=(0.0, None),
        advanced=True,
    )
    split_merge: float = parameter(
        0.1,
        help="How deep the probability must dip between two particles: smaller splits, larger merges",
        label="Split ↔ merge",
        bounds=(0.0, 1.0),
    )
    minimal_diameter_um: float | None = parameter(
        None,
        help="Smaller particles are dropped; a quarter of the typical diameter when left open",
        unit="µm",
        bounds=(0.0, None),
    )

    def __post_init__(self) -> None:
        check(self)
