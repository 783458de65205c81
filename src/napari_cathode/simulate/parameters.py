"""Parameters of a simulated electrode, and the presets."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cathode.errors import InputError
from napari_cathode.parameters import check, parameter

#: Features that can drive planted damage; their definitions are those of the measured features of the same name.
DRIVERS = (
    "sphericity",
    "elongation",
    "edensity",
    "z_um",
    "volume_um3",
    "contact",
    "pdensity",
    "dist_nearest_um",
    "orien_iso",
    "elong_std",
)


@dataclass(frozen=True)
class SimulationParameters:
    r"""What the simulated electrode is made of, how it is damaged and how it is imaged.

    Lengths of the material are in µm; lengths of the imaging (blur, noise grain, fringes) are in voxels, as they
    belong to the instrument. Grey values are 8-bit.

    The law of damage: with z-scores :math:`\zeta_k` of the drivers over all particles and their weights
    :math:`w_k`, a particle's target damage is

    .. math:: D = \mathrm{clip}(\mu + \sigma [\sqrt{1 - \eta^2}\, \hat s + \eta\, \epsilon],\ 0.005,\ 0.6)

    where :math:`\hat s` is :math:`\sum_k w_k \zeta_k` scaled to unit variance, :math:`\epsilon` standard normal,
    :math:`\mu` = ``damage_mean``, :math:`\sigma` = ``damage_spread`` and :math:`\eta` = ``damage_noise``. Cracks are
    then opened until cracked voxels / filled voxels of the particle equals its target. Without drivers (and in
    slices, where most neighbours lie out of the plane) damage is drawn at random.
    """

    size_z: int = parameter(128, help="Voxels along z; 1 gives a slice.", unit="voxels", bounds=(1, 4096))
    size_y: int = parameter(256, help="Voxels along y.", unit="voxels", bounds=(16, 8192))
    size_x: int = parameter(256, help="Voxels along x.", unit="voxels", bounds=(16, 8192))
    voxel_um: float = parameter(0.15, help="Edge of the cubic voxels.", unit="µm", bounds=(0.001, 100.0))

    diameter_um: float = parameter(
        5.4, help="Median diameter of the particles (ball of equal volume).", unit="µm", bounds=(0.01, 1000.0)
    )
    diameter_spread: float = parameter(
        0.15, help="Standard deviation of the logarithm of the diameter.", bounds=(0.0, 1.0)
    )
    small_fraction: float = parameter(
        0.08, help="Share (by number) of a second, smaller kind of particle.", bounds=(0.0, 0.95)
    )
    small_ratio: float = parameter(0.65, help="Diameter of the small kind over that of the large.", bounds=(0.1, 1.0))
    packing: float = parameter(0.5, help="Share of the volume that particles fill.", bounds=(0.01, 0.68))
    elongation: float = parameter(1.25, help="Mean ratio of the longest to the shortest axis.", bounds=(1.0, 4.0))
    lumpiness: float = parameter(0.06, help="Relative height of the lumps of the outline.", bounds=(0.0, 0.3))
    roughness_um: float = parameter(
        0.08,
        help="Height of the fine roughness of the surface (in the image, not in the labels).",
        unit="µm",
        bounds=(0, 10),
    )
    roughness_grain_um: float = parameter(
        0.6, help="Width of the bumps that make the surface rough.", unit="µm", bounds=(0.01, 20)
    )
    crystal_fraction: float = parameter(0.0, help="Share of blocky, faceted single crystals.", bounds=(0.0, 1.0))
    plate_fraction: float = parameter(0.0, help="Share of faceted crystals that are flat plates.", bounds=(0.0, 1.0))
    density_trend: float = parameter(
        0.0, help="How strongly packing, alignment and shape vary from place to place.", bounds=(0.0, 1.0)
    )

    drivers: tuple[tuple[str, float], ...] = parameter(
        (), help="Features that drive the damage, each with its weight in the law."
    )
    density_cube_um: float = parameter(
        20.0, help="Edge of the cube in which the packing density is counted.", unit="µm", bounds=(0.1, 1000)
    )
    damage_mean: float = parameter(0.1, help="Mean damage (cracked share of a particle).", bounds=(0.0, 0.5))
    damage_spread: float = parameter(0.05, help="Standard deviation of the damage.", bounds=(0.0, 0.3))
    damage_noise: float = parameter(0.4, help="Share of the spread that no driver explains.", bounds=(0.0, 1.0))
    hollow_fraction: float = parameter(0.7, help="Share of particles with a hollow core.", bounds=(0.0, 1.0))
    hollow_size: float = parameter(0.33, help="Radius of a hollow core over that of its particle.", bounds=(0.05, 0.8))
    crack_fraction: float = parameter(0.35, help="Share of particles with radial cracks.", bounds=(0.0, 1.0))
    crack_width_um: float = parameter(0.25, help="Typical width of a crack.", unit="µm", bounds=(0.0, 10.0))
    pulverised_fraction: float = parameter(0.04, help="Share of pulverised particles.", bounds=(0.0, 1.0))

    particle_grey: float = parameter(178.0, help="Mean grey of solid particles.", unit="grey", bounds=(1, 255))
    particle_grey_spread: float = parameter(
        7.0, help="Its standard deviation between particles.", unit="grey", bounds=(0, 60)
    )
    particle_texture: float = parameter(
        6.0, help="Standard deviation of the grey inside a particle.", unit="grey", bounds=(0, 60)
    )
    background_grey: float = parameter(95.0, help="Mean grey of carbon and binder.", unit="grey", bounds=(0, 250))
    pore_grey: float = parameter(72.0, help="Grey of pores, cracks and hollow cores.", unit="grey", bounds=(0, 250))
    background_texture: float = parameter(8.0, help="Standard deviation of its texture.", unit="grey", bounds=(0, 60))
    background_grain: float = parameter(3.0, help="Grain of its texture.", unit="voxels", bounds=(0.5, 50))
    debris: float = parameter(0.5, help="Pieces of debris per particle; debris has no label.", bounds=(0.0, 10.0))
    dim_blobs: float = parameter(0.15, help="Dim, blurred blobs per particle; blobs have no label.", bounds=(0.0, 10.0))
    dim_fraction: float = parameter(
        0.06, help="Share of particles that are dim and blurred (labelled).", bounds=(0.0, 1.0)
    )
    contact_gap: float = parameter(
        0.0, help="Width of the dark line where particles touch; negative: they merge.", unit="voxels", bounds=(-5, 5)
    )
    min_label_diameter: float = parameter(
        12.0, help="Sections smaller than this get no label (slices only).", unit="voxels", bounds=(0, 100)
    )

    blur: float = parameter(0.8, help="Blur of edges (standard deviation).", unit="voxels", bounds=(0.2, 10))
    fringe: float = parameter(0.25, help="Strength of the phase-contrast fringe at edges.", bounds=(0.0, 3.0))
    fringe_width: float = parameter(2.5, help="Width of the fringe.", unit="voxels", bounds=(0.5, 20))
    halo: float = parameter(0.15, help="Strength of the wide dark halo of phase retrieval.", bounds=(0.0, 2.0))
    noise: float = parameter(6.0, help="Standard deviation of the noise.", unit="grey", bounds=(0, 80))
    noise_grain: float = parameter(0.8, help="Grain of the noise (0: uncorrelated).", unit="voxels", bounds=(0, 10))
    noise_direction: float = parameter(
        1.0, help="How much longer noise grains are along x than along y (below 1: along y).", bounds=(0.1, 10)
    )
    streaks: float = parameter(1.5, help="Standard deviation of straight streaks.", unit="grey", bounds=(0, 40))
    rings: float = parameter(1.0, help="Standard deviation of ring artefacts.", unit="grey", bounds=(0, 40))
    gradient: float = parameter(3.0, help="Size of slow brightness changes.", unit="grey", bounds=(0, 80))
    contrast_fade: float = parameter(0.04, help="Share of the contrast that is lost towards one side.", bounds=(0, 0.9))
    outside: str = parameter(
        "none", help="Where the constant grey outside the field of view lies.", choices=("none", "side", "circle")
    )
    outside_share: float = parameter(0.08, help="Share of the picture that it takes.", bounds=(0, 0.6))
    outside_grey: float = parameter(103.0, help="Its grey.", unit="grey", bounds=(0, 255))
    collector: float = parameter(
        0.0, help="Share of the picture that a particle-free layer takes at an edge.", bounds=(0, 0.5)
    )

    def __post_init__(self) -> None:
        """Check types and bounds."""
        check(self)
        object.__setattr__(self, "drivers", tuple(tuple(driver) for driver in self.drivers))  # saved files hold lists
        for driver in self.drivers:
            if len(driver) != 2 or driver[0] not in DRIVERS:
                raise InputError(
                    f"The parameter drivers has {driver!r}; give pairs of a weight and one of {', '.join(DRIVERS)}."
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        return self.size_z, self.size_y, self.size_x

    @property
    def spacing_um(self) -> tuple[float, float, float]:
        """Voxel spacing (z, y, x) in µm."""
        return self.voxel_um, self.voxel_um, self.voxel_um


PRESETS: dict[str, SimulationParameters] = {
    "nmc-10-cycles": SimulationParameters(
        drivers=(("sphericity", -0.6), ("elongation", 0.45), ("edensity", -0.3), ("z_um", 0.25)),
        damage_mean=0.09,
        damage_spread=0.04,
        particle_grey_spread=10.0,
        halo=0.08,
        pulverised_fraction=0.02,
    ),
    "nmc-50-cycles": SimulationParameters(
        drivers=(
            ("contact", 0.6),
            ("pdensity", 0.35),
            ("dist_nearest_um", -0.35),
            ("orien_iso", -0.25),
            ("elong_std", 0.25),
        ),
        damage_mean=0.16,
        damage_spread=0.06,
        density_trend=0.8,
        packing=0.45,
        pulverised_fraction=0.06,
        crack_fraction=0.5,
        halo=0.08,
    ),
    "single-crystal": SimulationParameters(
        crystal_fraction=1.0,
        plate_fraction=0.25,
        diameter_um=5.0,
        diameter_spread=0.2,
        small_fraction=0.45,
        small_ratio=0.6,
        lumpiness=0.01,
        roughness_um=0.02,
        elongation=1.3,
        hollow_fraction=0.05,
        crack_fraction=0.45,
        pulverised_fraction=0.02,
        drivers=(("volume_um3", 0.6), ("elongation", 0.4), ("contact", 0.3)),
        damage_mean=0.08,
        damage_spread=0.035,
        damage_noise=0.3,
        particle_texture=3.0,
    ),
}
"""Named electrodes.

``nmc-10-cycles``
    Little damage; it follows what a particle *is*: sphericity (−0.6), elongation (+0.45), electron density (−0.3) and
    depth z (+0.25).
``nmc-50-cycles``
    More damage; it follows where a particle *sits*: contact (+0.6), packing density (+0.35), distance to the nearest
    (−0.35), alignment of the neighbours (−0.25) and spread of their elongation (+0.25).
``single-crystal``
    Blocky single crystals and plates of two sizes; damage follows volume (+0.6), elongation (+0.4), contact (+0.3).
"""
