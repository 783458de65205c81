"""A StarDist model in training: network, optimiser and step, as they are saved and taken up again."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cathode.errors import InputError

from .models import read_model

if TYPE_CHECKING:
    from .training import TrainingParameters

WEIGHTS = "weights_best.h5"


class TrainingState:
    """Network, optimiser state and step number.

    Attributes
    ----------
    model : stardist.models.StarDist2D or StarDist3D
        The model; its folder is that of the training.
    step : int
        Optimiser steps done.
    history : list of (int, float)
        Step and mean loss since the entry before.
    started_from : dict or None
        How the model was trained whose weights were the start; None with fresh weights.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.step = 0
        self.history: list[tuple[int, float]] = []
        self.started_from: dict[str, Any] | None = None
        self._recent: list[float] = []

    @classmethod
    def start(
        cls, name: str, out: Path, parameters: TrainingParameters, start_from: Path | None = None
    ) -> TrainingState:
        """Build a model with fresh weights from the seed, or with those of another model of the same architecture."""
        import keras
        from stardist.models import Config2D, Config3D, StarDist2D, StarDist3D

        keras.utils.set_random_seed(parameters.seed)
        configure, family = {2: (Config2D, StarDist2D), 3: (Config3D, StarDist3D)}[parameters.dimensions]
        config = configure(
            n_rays=parameters.n_rays,
            grid=parameters.grid,
            unet_n_depth=parameters.depth,
            unet_n_filter_base=parameters.filters,
            net_conv_after_unet=parameters.last_filters,
            train_patch_size=(parameters.patch,) * parameters.dimensions,
            train_batch_size=parameters.batch,
            train_learning_rate=parameters.learning_rate,
            train_tensorboard=False,
            train_reduce_lr=None,
        )
        out.mkdir(parents=True, exist_ok=True)
        with quiet():
            model = family(config, name=name, basedir=str(out))
            if start_from is not None:
                try:
                    model.keras_model.load_weights(str(start_from / WEIGHTS))
                except (OSError, ValueError) as error:
                    raise InputError(
                        f"The weights of {start_from} do not fit a model with {parameters.n_rays} rays, depth "
                        f"{parameters.depth} and {parameters.filters} filters ({error})."
                    ) from None
            model.prepare_for_training()
        state = cls(model)
        if start_from is not None:
            state.started_from = read_model(start_from).card.get("training", {"name": start_from.name})
        return state

    def train_step(self, batch: Any, learning_rate: float) -> dict[str, float]:
        """Do one optimiser step.

        Parameters
        ----------
        batch : tuple
            Images and targets as of `training_data.make_batch`.
        learning_rate : float
            Learning rate of this step.

        Returns
        -------
        dict of str to float
            Keras's losses and metrics, averaged over the steps since the last entry of the history.
        """
        network = self.model.keras_model
        network.optimizer.learning_rate.assign(learning_rate)
        network.reset_metrics()
        losses = {key: float(value) for key, value in network.train_on_batch(*batch, return_dict=True).items()}
        if not np.isfinite(losses["loss"]):
            raise FloatingPointError(f"The loss became {losses['loss']} at step {self.step}; lower the learning rate.")
        self.step += 1
        self._recent.append(losses["loss"])
        losses["loss"] = float(np.mean(self._recent))
        if len(self._recent) == 50:
            self.history.append((self.step, losses["loss"]))
            self._recent = []
        return losses

    def save(self, path: Path) -> None:
        """Write weights, optimiser, step and history, so that an interruption never leaves half a file."""
        network = self.model.keras_model
        network.optimizer.build(network.trainable_variables)  # before the first step it has none of its values yet
        arrays = {f"weight_{i:03d}": value for i, value in enumerate(network.get_weights())}
        arrays |= {f"optimiser_{i:03d}": np.asarray(value) for i, value in enumerate(network.optimizer.variables)}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(
                file,
                step=self.step,
                history=np.array(self.history),
                recent=np.array(self._recent),
                started_from=json.dumps(self.started_from),
                **arrays,
            )
        os.replace(part, path)

    def load(self, path: Path) -> None:
        """Take up what `save` wrote."""
        network = self.model.keras_model
        with np.load(path) as file:
            names = sorted(name for name in file.files if name.startswith("weight_"))
            network.set_weights([file[name] for name in names])
            network.optimizer.build(network.trainable_variables)
            for i, variable in enumerate(network.optimizer.variables):
                variable.assign(file[f"optimiser_{i:03d}"])
            self.step = int(file["step"])
            self.history = [(int(step), float(loss)) for step, loss in file["history"].reshape(-1, 2)]
            self._recent = [float(loss) for loss in file["recent"]]
            self.started_from = json.loads(str(file["started_from"]))

    def save_weights(self, folder: Path) -> None:
        """Write the weights as StarDist does, into its model folder."""
        with quiet():
            self.model.keras_model.save_weights(str(folder / WEIGHTS))


def quiet() -> contextlib.AbstractContextManager[Any]:
    """Swallow what stardist prints when it builds and loads models."""
    return contextlib.redirect_stdout(io.StringIO())
