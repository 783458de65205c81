"""The store of models: those that ship with the package, those of the user, and any StarDist model folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_cathode import resources
from napari_cathode.errors import InputError

CONFIG, CARD, THRESHOLDS, ONNX = "config.json", "card.json", "thresholds.json", "model.onnx"
# What StarDist itself assumes where a model folder has no thresholds file.
DEFAULT_PROBABILITY, DEFAULT_OVERLAP = 0.5, 0.4


@dataclass(frozen=True)
class ModelInfo:
    """What a StarDist model folder says about itself.

    Attributes
    ----------
    name : str
        Name of the folder.
    folder : Path
        The folder: config.json, Keras weights (.h5), perhaps thresholds.json, model.onnx and card.json.
    origin : str
        "shipped", "own" (in the user's models folder) or "folder" (anywhere else).
    dimensions : int
        2 or 3.
    n_rays : int
        Rays of a star-convex polygon.
    grid : tuple of int
        Working pixels between two predictions, along each axis.
    divisor : tuple of int
        Image sizes along each axis have to be multiples of this.
    depth, filters : int
        Levels of the U-Net (0 for StarDist3D's ResNet), and filters of its first level.
    reach : int
        Pixels around an output that can influence it.
    probability_threshold, overlap_threshold : float
        The model's own thresholds.
    fused_probability_threshold : float
        The probability threshold where several views are found and fused: what one view invents the others outvote, so
        it may be lower. The same as ``probability_threshold`` where no card states it.
    diameter_px : float or None
        What particles should measure across, in pixels, for the network; None where no card says so (images then keep
        their size).
    card : mapping
        The machine-readable model card, empty without one.
    """

    name: str
    folder: Path
    origin: str
    dimensions: int
    n_rays: int
    grid: tuple[int, ...]
    divisor: tuple[int, ...]
    depth: int
    filters: int
    reach: int
    probability_threshold: float
    overlap_threshold: float
    fused_probability_threshold: float
    diameter_px: float | None
    card: Mapping[str, Any]

    @property
    def weights(self) -> Path | None:
        """The Keras weights: the best, else the last, else the newest .h5 file; None without any."""
        for name in ("weights_best.h5", "weights_last.h5"):
            if (self.folder / name).is_file():
                return self.folder / name
        found = sorted(self.folder.glob("*.h5"), key=lambda path: path.stat().st_mtime)
        return found[-1] if found else None

    @property
    def summary(self) -> str:
        """What the card says to whoever has to choose, in a few sentences."""
        return summarise_card(self)

    @property
    def description(self) -> str:
        """One line for a list of models."""
        return str(self.card.get("description", f"StarDist {self.dimensions}D model, {self.n_rays} rays"))


def list_models() -> list[ModelInfo]:
    """List the shipped models and the user's own, by name; an own model hides a shipped one of the same name."""
    found: dict[str, ModelInfo] = {}
    for base, origin in ((resources.models_folder(), "shipped"), (resources.user_models_folder(), "own")):
        if not base.is_dir():
            continue
        for folder in sorted(base.iterdir()):
            if (folder / CONFIG).is_file():
                try:
                    found[folder.name] = read_model(folder, origin)
                except InputError:
                    continue  # A damaged folder must not take the other models away; opening it says what is wrong.
    return [found[name] for name in sorted(found)]


def find_model(name_or_folder: str | os.PathLike[str]) -> ModelInfo:
    """Find a model by name, or read the folder that a path names.

    Raises
    ------
    InputError
        When there is no such model, or when its folder cannot be used.
    """
    text = os.fspath(name_or_folder)
    for base, origin in ((resources.user_models_folder(), "own"), (resources.models_folder(), "shipped")):
        if text and Path(text).name == text and (base / text / CONFIG).is_file():
            return read_model(base / text, origin)
    folder = Path(text).expanduser()
    if text and folder.is_dir():
        return read_model(folder, "folder")
    known = ", ".join(model.name for model in list_models()) or "none"
    raise InputError(
        f"There is no model {text!r}; choose one of: {known}, or give the path of a StarDist model folder."
    )


def read_model(folder: Path, origin: str = "folder") -> ModelInfo:
    """Read what a StarDist model folder says about itself.

    Raises
    ------
    InputError
        Without a readable config.json of a StarDist network with one channel, or when a number in it is missing.
    """
    config = _read_json(folder / CONFIG, folder)
    try:
        dimensions = int(config["n_dim"])
        grid = tuple(int(value) for value in config["grid"])
        resnet = config.get("backbone") == "resnet"  # which only the grid makes coarser
        depth = 0 if resnet else int(config["unet_n_depth"])
        pool = (1,) * dimensions if resnet else tuple(int(value) for value in config["unet_pool"])
        filters = int(config.get("resnet_n_filter_base" if resnet else "unet_n_filter_base", 32))
        reach = (_resnet_reach if resnet else _unet_reach)(config, max(grid), max(pool))
        n_rays = int(config["n_rays"])
        channels = int(config["n_channel_in"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / CONFIG} is not the configuration of a StarDist model ({error}).") from None
    if channels != 1:
        raise InputError(f"The model {folder.name} takes images with {channels} channels; tomograms have one.")
    thresholds = _read_json(folder / THRESHOLDS, folder) if (folder / THRESHOLDS).is_file() else {}
    card = _read_json(folder / CARD, folder) if (folder / CARD).is_file() else {}
    working = card.get("working_diameter_px")
    probability = float(thresholds.get("prob") or DEFAULT_PROBABILITY)
    return ModelInfo(
        name=folder.name,
        folder=folder,
        origin=origin,
        dimensions=dimensions,
        n_rays=n_rays,
        grid=grid,
        divisor=tuple(g * p**depth for g, p in zip(grid, pool, strict=True)),
        depth=depth,
        filters=filters,
        reach=reach,
        probability_threshold=probability,
        overlap_threshold=float(thresholds.get("nms") or DEFAULT_OVERLAP),
        fused_probability_threshold=float(card.get("thresholds", {}).get("prob_fused") or probability),
        diameter_px=None if working is None else float(working),
        card=card,
    )


def _unet_reach(config: Mapping[str, Any], grid: int, pool: int) -> int:
    """Give how far StarDist's U-Net sees, in pixels.

    Summed over its layers: each convolution reaches as many pixels as its level is coarse, times half its kernel, and
    each pooling or upsampling adds at most one pixel of its coarse level.
    """
    half = max(config.get("unet_kernel_size", (3,))) // 2
    convolutions = int(config.get("unet_n_conv_per_depth") or 2) * half
    reach, step = 0, 1
    while step < grid:
        reach += convolutions * step
        step *= 2
        reach += step
    for _ in range(int(config["unet_n_depth"])):
        reach += 2 * convolutions * step  # the way down and the way up
        step *= pool
        reach += 2 * step
    return reach + convolutions * step + half * grid  # the bottom, and the features layer


def _resnet_reach(config: Mapping[str, Any], grid: int, _pool: int) -> int:
    """Give how far StarDist3D's ResNet sees, in voxels: as `_unet_reach`."""
    half = max(config.get("resnet_kernel_size", (3,))) // 2
    reach, step = 3 + 1, 1  # two convolutions come first, of 7 and of 3 voxels
    for _ in range(int(config["resnet_n_blocks"])):
        if step < grid:
            step *= 2
            reach += step
        reach += int(config.get("resnet_n_conv_per_block", 3)) * half * step
    return reach + half * step  # the features layer


@dataclass(frozen=True)
class OpenModel:
    """A model that is ready to run.

    Attributes
    ----------
    info : ModelInfo
        What is known about it.
    onnx : Path or None
        Its network as ONNX file; None where it lacks one, none can be made without TensorFlow, and none is needed.
    """

    info: ModelInfo
    onnx: Path | None


def open_model(name_or_folder: str | os.PathLike[str], dimensions: int = 2) -> OpenModel:
    """Open a model for inference; a StarDist folder without an ONNX file is converted once.

    The converted file lies beside the weights, or in the cache folder where the model's folder is read-only. Where
    TensorFlow is not installed, 2D networks of StarDist's usual make run from their weights alone.

    Parameters
    ----------
    name_or_folder : str or path
        Name of a shipped or own model, or a StarDist model folder.
    dimensions : int
        2 for a network that works slice by slice, 3 for one that works on volumes.

    Returns
    -------
    OpenModel

    Raises
    ------
    InputError
        When the model does not exist, has other dimensions or no weights, or would have to be converted where
        TensorFlow is not installed and cannot run without.
    """
    info = check_usable(find_model(name_or_folder), dimensions)
    weights = info.weights
    beside = info.folder / ONNX
    if weights is None:
        return OpenModel(info, beside)
    fingerprint = weights_fingerprint(weights)
    cached = resources.cache_folder() / "onnx" / f"{fingerprint}.onnx"
    for candidate in (beside, cached):
        if candidate.is_file() and _made_from(candidate, fingerprint):
            return OpenModel(info, candidate)
    from .export import can_convert, convert_to_onnx
    from .unet import read_unet

    if not can_convert() and read_unet(info) is not None:
        return OpenModel(info, None)
    target = beside if os.access(info.folder, os.W_OK) else cached
    target.parent.mkdir(parents=True, exist_ok=True)
    convert_to_onnx(info, target)
    return OpenModel(info, target)


def check_usable(info: ModelInfo, dimensions: int) -> ModelInfo:
    """Give a model back if it is for images of so many dimensions and has weights.

    Raises
    ------
    InputError
        When not.
    """
    if info.dimensions != dimensions:
        raise InputError(
            f"The model {info.name} is for {info.dimensions}D images, but a {dimensions}D model is needed here; "
            "choose another model."
        )
    if info.weights is None and not (info.folder / ONNX).is_file():
        raise InputError(
            f"The model folder {info.folder} holds no weights (.h5) and no {ONNX}; copy the weights file into it."
        )
    return info


def weights_fingerprint(weights: Path) -> str:
    """Give the SHA-256 of a weights file: an ONNX file states which weights it was made from."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()


def _made_from(onnx_file: Path, fingerprint: str) -> bool:
    """Whether an ONNX file was made from these weights (it holds their fingerprint as plain text)."""
    return fingerprint.encode() in onnx_file.read_bytes()


def summarise_card(info: ModelInfo) -> str:
    """Say in a few sentences what a model is for and how good it is; see `ModelInfo.summary`."""
    card = info.card
    first = f"{card.get('description', f'StarDist {info.dimensions}D, {info.n_rays} rays, no model card')}."
    flat = info.dimensions == 2
    if info.diameter_px is None:
        scale = "Images keep their size: nothing is known about the size that its particles had in training."
    else:
        scale = f"Images are rescaled so that particles measure {info.diameter_px:g} {'pixels' if flat else 'voxels'}."
    rows = card.get("accuracy", {}) if isinstance(card.get("accuracy"), Mapping) else {}
    titles = {"simulated": f"simulated {'slices' if flat else 'volumes'}", "real": "a real slice"}
    scores = [
        f"F1 {row['f1']:.2f} on {titles.get(kind, kind)}"
        for kind, rows_of_kind in rows.items()
        for row in rows_of_kind
        if isinstance(row, Mapping) and row.get("iou") == 0.5 and "f1" in row
    ]
    accuracy = f"{', '.join(scores)} (IoU ≥ 0.5)." if scores else "Its accuracy is not known."
    return f"{first} {scale} {accuracy}"


def _read_json(path: Path, folder: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{folder} is not a StarDist model folder: it has no {path.name}.")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}).") from None
    if not isinstance(read, dict):
        raise InputError(f"{path} should hold names with values.")
    return read
