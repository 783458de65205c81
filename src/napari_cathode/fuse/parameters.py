"""The parameters of the step that makes 3D particles of the views' 2D predictions."""

from dataclasses import dataclass

from napari_cathode.parameters import check, parameter


@dataclass(frozen=True)
class FuseParameters:
    """How the predictions of the views become 3D particles.

    Attributes
    ----------
    method : {"hybrid", "watershed", "linking", "clusters"}
        What finds the particles: the flow to the centres of the views' sections and up their probability; a watershed
        on the probability alone, which is faster; each view's sections linked from slice to slice, and what the views
        agree on; or connected parts of what k-means takes for particle (Li et al. 2022), for particles that lie apart.
    minimal_votes : int, optional
        How many views must see a voxel as particle; None for half of the views that there are, of three without those
        that lost the particle in all of its slices (a particle that one view alone sees must be large). With fewer
        views than that, all of them must.
    smoothing_um : float, optional
        Standard deviation, in µm, of the Gaussian that smooths the fused probability; the votes are smoothed with
        half of it. None for two voxels of the finest spacing.
    outline_smoothing : float
        Hybrid and watershed only. Standard deviation, as a share of each particle's diameter, of the Gaussian that
        smooths its outline; 0 leaves the steps and notches that views which disagree make.
    split_merge : float
        Two touching pieces are one particle where the views part them in a smaller share of the cases (0 … 1). Small
        values split, large ones merge.
    gap_slices : int, optional
        Gaps of up to so many slices between the sections of a particle are bridged, and as many slices to each side
        outvote what a single one says; None for a tenth of a particle, at most four. 0 takes each slice as it is.
    minimal_diameter_um : float, optional
        Particles with a smaller volume than a ball of this diameter are dropped; None for a third of the typical
        diameter (median over the particles' voxels).
    maximal_diameter_um : float, optional
        Particles with a larger volume than a ball of this diameter are dropped; None keeps all.
    link_by : {"distance", "overlap"}
        Linking only. Whether sections of neighbouring slices are linked by the distance of their centroids, as in the
        study, or by what they share.
    link_distance_um : float, optional
        Linking only. Centroids farther apart are never linked; None for a quarter of the typical section diameter.
    link_overlap : float
        Linking only. Sections with a smaller intersection over union are never linked.
    cluster_map : {"probability", "distance"}
        Clusters only. Whether the views' probabilities are added up, or their mean distances to the outline.
    cluster_count : int
        Clusters only. The k of k-means.
    working_scale : float
        0.5 works with one voxel in two along each axis of the finest spacing, which is several times faster; labels
        come on the grid of the views all the same. *Clusters* averages over blocks, which bridges fewer contacts.
    """

    method: str = parameter(
        "hybrid",
        help="What finds the particles: flow to their centres (hybrid), a watershed on the probability (faster), "
        "sections linked from slice to slice, or k-means clusters (particles that lie apart)",
        choices=("hybrid", "watershed", "linking", "clusters"),
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
    outline_smoothing: float = parameter(
        0.1,
        help="Hybrid and watershed: how far each particle's outline is smoothed, as a share of its diameter; 0 leaves "
        "the steps and notches that views which disagree make",
        bounds=(0.0, 0.15),
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
        help="Smaller particles are dropped; a third of the typical diameter when left open",
        unit="µm",
        bounds=(0.0, None),
    )
    maximal_diameter_um: float | None = parameter(
        None, help="Larger particles are dropped; none when left open", unit="µm", bounds=(0.0, None), advanced=True
    )
    link_by: str = parameter(
        "distance",
        help="What links sections of neighbouring slices: how near their centroids are, or how much they share",
        choices=("distance", "overlap"),
    )
    link_distance_um: float | None = parameter(
        None,
        help="Centroids farther apart are never linked; a quarter of a section's diameter when left open",
        label="Link up to",
        unit="µm",
        bounds=(0.0, None),
    )
    link_overlap: float = parameter(
        0.3,
        help="Sections with a smaller intersection over union are never linked; 0.5 parts dense packings better, but "
        "cuts off the ends of round particles",
        label="Least overlap",
        bounds=(0.01, 1.0),
    )
    cluster_map: str = parameter(
        "probability",
        help="Which maps of the views are added up: object probability, or mean distance to the outline",
        choices=("probability", "distance"),
    )
    cluster_count: int = parameter(
        5, help="Into how many clusters k-means divides the values; the lowest is background", bounds=(2, 20)
    )
    working_scale: float = parameter(
        1.0,
        help="0.5 works with every second voxel along each axis: several times faster, good for particles of "
        "thirty voxels and more",
        bounds=(0.05, 1.0),
    )

    def __post_init__(self) -> None:
        check(self)
