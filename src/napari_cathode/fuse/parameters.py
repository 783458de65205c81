"""The parameters of the step that makes 3D particles of the views' 2D predictions."""

from dataclasses import dataclass

from napari_cathode.parameters import check, parameter


@dataclass(frozen=True)
class FuseParameters:
    """How the predictions of the views become 3D particles.

    Attributes
    ----------
    method : {"hybrid", "watershed"}
        What cuts the volume into pieces: the flow to the centres of the views' sections and up their probability, or
        a watershed on the probability alone, which is faster.
    minimal_votes : int, optional
        How many views must see a voxel as particle; None for half of the views that there are. With fewer views
        than that, all of them must.
    smoothing_um : float, optional
        Standard deviation, in µm, of the Gaussian that smooths the fused probability; the votes are smoothed with
        half of it. None for two voxels of the finest spacing.
    split_merge : float
        Two touching pieces are one particle where the views part them in a smaller share of the cases (0 … 1). Small
        values split, large ones merge.
    gap_slices : int, optional
        Gaps of up to so many slices between the sections of a particle are bridged, and as many slices to each side
        outvote what a single one says; None for a tenth of a particle, at most four. 0 takes each slice as it is.
    minimal_diameter_um : float, optional
        Particles with a smaller volume than a ball of this diameter are dropped; None for a quarter of the typical
        diameter (median over the particles' voxels).
    """

    method: str = parameter(
        "hybrid",
        help="What finds the particles: flow to their centres (hybrid), or a watershed on the probability (faster)",
        choices=("hybrid", "watershed"),
    )
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
        0.05,
        help="Touching pieces are one particle where the views part them less often: smaller splits, larger merges",
        label="Split ↔ merge",
        bounds=(0.0, 1.0),
    )
    gap_slices: int | None = parameter(
        None,
        help="Gaps of so many slices are bridged in each view; a tenth of a particle when left open",
        unit="slices",
        bounds=(0, 20),
        advanced=True,
    )
    minimal_diameter_um: float | None = parameter(
        None,
        help="Smaller particles are dropped; a quarter of the typical diameter when left open",
        unit="µm",
        bounds=(0.0, None),
    )

    def __post_init__(self) -> None:
        check(self)
