"""Parameters of training on a person's own images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_cathode.errors import InputError
from napari_cathode.parameters import check, parameter

if TYPE_CHECKING:
    from .training import TrainingParameters

STEPS, RATE = {"start": 400, "anew": 2000}, {"start": 1e-4, "anew": 4e-4}
"""Steps and peak learning rate where they are left open: starting from a model, and anew."""
VALIDATIONS = 20
"""So often a model is measured in a training whose interval is left open."""
WORKING_DIAMETER_PX = 24.0


@dataclass(frozen=True)
class OwnTrainingParameters:
    """How a model is trained on a person's own images."""

    steps: int | None = parameter(
        None,
        help=f"Training steps; {STEPS['start']} when starting from a model and {STEPS['anew']} anew when left open.",
        bounds=(1, 1_000_000),
    )
    validation_share: float = parameter(
        0.2,
        help="Share of the images (of each image, when there are fewer than five) that is kept for validation.",
        label="Kept for validation",
        bounds=(0.05, 0.5),
    )
    learning_rate: float | None = parameter(
        None,
        help=f"Peak learning rate; {RATE['start']:g} when starting from a model and {RATE['anew']:g} anew when left "
        "open.",
        bounds=(1e-7, 0.1),
        advanced=True,
    )
    size_variation: float = parameter(
        0.5,
        help="Augmentation: sizes vary by a factor of up to 1 plus this, both ways; patches are also turned, mirrored "
        "and varied in grey value, sharpness and noise.",
        bounds=(0.0, 2.0),
        advanced=True,
    )
    batch: int = parameter(8, help="Patches a step.", bounds=(1, 256), advanced=True)
    patch: int = parameter(
        128, help="Edge of a patch, in pixels of the network.", unit="px", bounds=(32, 1024), advanced=True
    )
    validate_every: int | None = parameter(
        None,
        help=f"Steps between two validations; {VALIDATIONS} validations in all when left open.",
        bounds=(1, 1_000_000),
        advanced=True,
    )
    slices_per_stack: int = parameter(
        64,
        help="Labelled slices taken of a stack at most, spread evenly.",
        bounds=(1, 100_000),
        advanced=True,
    )
    seed: int = parameter(
        0, help="Seed of the split, the patches and, anew, the weights.", bounds=(0, 2**31 - 1), advanced=True
    )
    rays: int = parameter(32, help="Rays of an outline (anew).", bounds=(8, 256), advanced=True)
    grid: int = parameter(
        2, help="Pixels of the network between two predictions (anew).", choices=(1, 2, 4), advanced=True
    )
    depth: int = parameter(3, help="Levels of the U-Net (anew).", bounds=(1, 5), advanced=True)
    filters: int = parameter(32, help="Filters of the U-Net's first level (anew).", bounds=(4, 128), advanced=True)

    def __post_init__(self) -> None:
        check(self)
        if self.patch % 32:
            raise InputError(f"The parameter patch is {self.patch} px; it must be a multiple of 32.")


@dataclass(frozen=True)
class Plan:
    """What a training does, with everything filled in that was left open.

    Attributes
    ----------
    name : str
        The model's name.
    parameters : OwnTrainingParameters
        As given.
    steps, validate_every : int
        Training steps, and those between two validations.
    learning_rate : float
        Peak rate.
    diameter_px : float
        Working diameter: what particles measure across for the network, in pixels.
    start_from : str
        Folder of the model whose weights are the start; "" for fresh weights.
    data : dict
        Description of the images, for the model card.
    """

    name: str
    parameters: OwnTrainingParameters
    steps: int
    validate_every: int
    learning_rate: float
    diameter_px: float
    start_from: str
    data: dict[str, Any] = field(default_factory=dict)

    def training(self, config: dict[str, Any]) -> TrainingParameters:
        """Give the parameters of the training loop, for a network of this StarDist configuration."""
        from .training import TrainingParameters

        own = self.parameters
        return TrainingParameters(
            steps=self.steps,
            seed=own.seed,
            batch=own.batch,
            patch=own.patch,
            diameter_px=self.diameter_px,
            jitter=own.size_variation,
            learning_rate=self.learning_rate,
            warm_up=min(100, 1 + self.steps // 10),
            first_slices=self.data["training_slices"],
            steps_per_slice=self.steps + 1,
            validation_slices=self.data["validation_slices"],
            n_rays=int(config["n_rays"]),
            grid=tuple(config["grid"]),
            depth=int(config["unet_n_depth"]),
            filters=int(config["unet_n_filter_base"]),
        )
