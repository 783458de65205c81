"""The network of a training on own images: fresh, or that of any StarDist model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode.errors import InputError

from .models import CONFIG, read_model
from .own_parameters import Plan
from .rescale import FloatArray
from .state import TrainingState, quiet
from .training import TrainingParameters


class OwnState(TrainingState):
    """A model in training that can be asked what it sees."""

    def train_step(self, batch: Any, learning_rate: float) -> dict[str, float]:
        """Do one optimiser step; see `TrainingState.train_step`. ``last`` is the loss of this step alone."""
        losses = super().train_step(batch, learning_rate)
        last = self._recent[-1] if self._recent else losses["loss"]
        return {**losses, "last": last}

    def predict(self, image: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Run the network on a normalised image (y, x) at working scale; see `network.Network.predict`."""
        config = self.model.config
        divisor = [grid * pool**config.unet_n_depth for grid, pool in zip(config.grid, config.unet_pool, strict=True)]
        padded = np.pad(image, [(0, -size % step) for size, step in zip(image.shape, divisor, strict=True)], "reflect")
        outputs = self.model.keras_model([padded[None, ..., None]], training=False)
        kept = tuple(slice(-(-size // step)) for size, step in zip(image.shape, config.grid, strict=True))
        probability, distance = (np.asarray(part)[0][kept] for part in outputs)
        return probability[..., 0], np.maximum(distance, np.float32(1e-3))


def start_state(plan: Plan, work: Path) -> tuple[OwnState, TrainingParameters]:
    """Build the network of a plan.

    Returns
    -------
    state : OwnState
        With the weights to start from.
    training : TrainingParameters
        What the training loop uses.

    Raises
    ------
    InputError
        When the weights to start from do not fit their configuration.
    """
    import keras
    from stardist.models import Config2D, StarDist2D

    own = plan.parameters
    start = read_model(Path(plan.start_from)) if plan.start_from else None
    if start is None:
        base: dict[str, Any] = {
            "n_rays": own.rays,
            "grid": (own.grid, own.grid),
            "unet_n_depth": own.depth,
            "unet_n_filter_base": own.filters,
        }
    else:
        base = json.loads((start.folder / CONFIG).read_text(encoding="utf-8"))
    config = Config2D(
        **{
            **base,
            "train_patch_size": (own.patch, own.patch),
            "train_batch_size": own.batch,
            "train_learning_rate": plan.learning_rate,
            "train_tensorboard": False,
            "train_reduce_lr": None,
        }
    )
    keras.utils.set_random_seed(own.seed)
    work.parent.mkdir(parents=True, exist_ok=True)
    with quiet():
        model = StarDist2D(config, name=work.name, basedir=str(work.parent))
        if start is not None:
            try:
                model.keras_model.load_weights(str(start.weights))
            except (OSError, ValueError, KeyError) as error:
                first = str(error).strip().splitlines()[0]
                raise InputError(
                    f"The weights {start.weights} cannot be loaded into the network of its config.json ({first})."
                ) from None
        model.prepare_for_training()
    state = OwnState(model)
    if start is not None:
        before = start.card.get("training", {})
        state.started_from = {**before, "name": start.name}
    return state, plan.training(vars(model.config))
