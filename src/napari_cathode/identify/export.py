"""From Keras weights to what is shipped: ONNX file, thresholds chosen on simulated slices, model card."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.progress import drain
from napari_cathode.tomogram import Tomogram

from .accuracy import Match, match, total
from .card import image_statistics, write_card
from .models import CARD, ONNX, THRESHOLDS, ModelInfo, OpenModel, open_model, read_model, weights_fingerprint
from .network import Network, kept_network
from .rescale import constant_part, grey_range, rescale
from .stardist2d import draw_polygons, select_polygons
from .state import TrainingState, quiet
from .training_data import SlicePool

if TYPE_CHECKING:
    from collections.abc import Callable

    from .training import TrainingParameters

PROBABILITIES = (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
OVERLAPS = (0.3, 0.4, 0.5)
PROBABILITIES_3D = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
OVERLAPS_3D = (0.2, 0.3)
_KINDS = {2: "slices", 3: "volumes"}
_ATTEMPTS = 5
TOLERANCE = 0.003
"""F1 that a stricter probability threshold may cost on simulated slices: they constrain it only loosely, and a
stricter one invents less in an image unlike them."""


def can_convert() -> bool:
    """Whether TensorFlow, tf2onnx and onnx are installed."""
    return not _missing()


def _missing() -> list[str]:
    return [name for name in ("tensorflow", "tf2onnx", "onnx") if importlib.util.find_spec(name) is None]


def require_tensorflow(purpose: str) -> None:
    """Raise `InputError` when TensorFlow, tf2onnx or onnx is not installed."""
    missing = _missing()
    if missing:
        raise InputError(
            f'To {purpose}, {" and ".join(missing)} must be installed; run: pip install "napari-cathode[train]".'
        )


def convert_to_onnx(info: ModelInfo, target: Path) -> None:
    """Convert the Keras weights of a StarDist model folder to an ONNX file (any image size, float32).

    The file states the fingerprint of the weights it was made from.

    Parameters
    ----------
    info : ModelInfo
        The model; it has weights.
    target : Path
        The file to write.

    Raises
    ------
    InputError
        When TensorFlow is missing, or when the weights do not fit the model's configuration.
    """
    require_tensorflow(f"open the model {info.name}, which has no up-to-date {ONNX} yet,")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import onnx
    import tensorflow
    import tf2onnx
    from stardist.models import StarDist2D, StarDist3D

    weights = info.weights
    assert weights is not None
    family = {2: StarDist2D, 3: StarDist3D}[info.dimensions]
    with quiet():
        try:
            model = family(None, name=info.folder.name, basedir=str(info.folder.parent))
            model.load_weights(weights.name)
        except (OSError, ValueError, KeyError) as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(
                f"The weights {weights} cannot be loaded into the network of its config.json ({first})."
            ) from None
    network = model.keras_model
    signature = [tensorflow.TensorSpec((None,) * (info.dimensions + 1) + (1,), tensorflow.float32, name="input")]

    @tensorflow.function(input_signature=signature)
    def forward(image: Any) -> Any:
        outputs = network([image], training=False)
        return tuple(tensorflow.identity(part, name) for part, name in zip(outputs, network.output_names, strict=True))

    for _attempt in range(_ATTEMPTS):
        # tf2onnx's optimiser goes through nodes by name, which holds a number that it counts on from graph to graph;
        # where the number gains a digit within a graph, the graph can come out wrong. The next try begins elsewhere.
        graph, _ = tf2onnx.convert.from_function(forward, input_signature=signature, opset=17)
        if _agrees(graph, forward, info):
            break
    else:
        raise InputError(
            f"The model {info.folder} could not be converted: the {ONNX} made from its weights {weights.name} gives "
            "other numbers than the weights do. Another version of tf2onnx or tensorflow may help."
        )
    onnx.helper.set_model_props(graph, {"weights_sha256": weights_fingerprint(weights)})
    part = target.with_suffix(".part")
    onnx.save(graph, str(part))
    os.replace(part, target)


def _agrees(graph: Any, forward: Callable[[Any], Any], info: ModelInfo) -> bool:
    """Whether a converted network gives what the one it was made from gives."""
    import onnxruntime
    import tensorflow

    sizes = tuple(2 * size for size in info.divisor)
    image = np.random.default_rng(0).random((1, *sizes, 1)).astype(np.float32)
    try:
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        outputs = session.run(None, {session.get_inputs()[0].name: image})
    except Exception:  # whatever ONNX Runtime refuses a wrong graph with; its errors have no common base
        return False
    with tensorflow.device("/CPU:0"):  # graphics cards round to fewer digits
        expected = [np.asarray(part) for part in forward(image)]
    return len(outputs) == len(expected) and all(
        one.shape == other.shape and np.allclose(one, other, rtol=1e-3, atol=1e-3)
        for one, other in zip(outputs, expected, strict=True)
    )


def export_model(
    state: TrainingState, validation: SlicePool, parameters: TrainingParameters, folder: Path
) -> dict[str, Any]:
    """Write all that a model folder holds, from a model in training.

    Parameters
    ----------
    state : TrainingState
        The model.
    validation : SlicePool
        Simulated slices that training did not see; thresholds are chosen and accuracy is measured on them, the former
        on the even ones, the latter on the odd ones.
    parameters : TrainingParameters
        How it was trained.
    folder : Path
        The model's folder.

    Returns
    -------
    dict
        The model card.
    """
    card: dict[str, Any] = {
        "name": folder.name,
        "description": f"StarDist{parameters.dimensions}D for electrode particles, trained on simulated "
        f"{_KINDS[parameters.dimensions]} only",
        "working_diameter_px": parameters.diameter_px,
        "training": asdict(parameters) | {"steps_done": state.step, "started_from": state.started_from},
        "loss": state.history[-1][1] if state.history else None,
        "training_data": f"simulated {_KINDS[parameters.dimensions]}, domain-randomised "
        f"(napari_cathode.simulate.training_{_KINDS[parameters.dimensions][:-1]})",
    }
    state.save_weights(folder)
    (folder / CARD).write_text(json.dumps(card), encoding="utf-8")
    convert_to_onnx(read_model(folder), folder / ONNX)
    model = open_model(folder, parameters.dimensions)
    even, odd = (range(first, parameters.validation_slices, 2) for first in (0, 1))
    probability, overlap = choose_thresholds(model, validation, even)
    (folder / THRESHOLDS).write_text(json.dumps({"prob": probability, "nms": overlap}), encoding="utf-8")
    card["thresholds"] = {"prob": probability, "nms": overlap}
    swept = sweep(model, validation, odd, ((probability, overlap),))
    card["accuracy"] = {"simulated": [_as_row(one) for one in swept[probability, overlap]]}
    if parameters.dimensions == 2:
        card["image_statistics"] = image_statistics([validation[index] for index in even], parameters.diameter_px)
    write_card(folder, card)
    return card


def _as_row(one: Match) -> dict[str, float]:
    return {
        "iou": one.iou,
        "f1": round(one.f1, 4),
        "precision": round(one.precision, 4),
        "recall": round(one.recall, 4),
        "mean_matched_iou": round(one.mean_iou, 4),
    }


def choose_thresholds(model: OpenModel, validation: SlicePool, indices: range) -> tuple[float, float]:
    """Choose probability and overlap threshold by the mean F1 at IoU 0.5 and 0.7.

    Of the pairs within `TOLERANCE` of the best, the one with the strictest probability wins.
    """
    flat = model.info.dimensions == 2
    probabilities, overlaps = (PROBABILITIES, OVERLAPS) if flat else (PROBABILITIES_3D, OVERLAPS_3D)
    pairs = tuple((probability, overlap) for probability in probabilities for overlap in overlaps)
    scores = {
        pair: np.mean([one.f1 for one in matches]) for pair, matches in sweep(model, validation, indices, pairs).items()
    }
    best = max(scores.values())
    good = [pair for pair in pairs if scores[pair] >= best - TOLERANCE]
    return max(good, key=lambda pair: (pair[0], scores[pair]))


def sweep(
    model: OpenModel, slices: SlicePool, indices: range, pairs: tuple[tuple[float, float], ...]
) -> dict[tuple[float, float], list[Match]]:
    """Measure a model on whole slices or volumes for several pairs of thresholds, the network running once on each.

    Returns
    -------
    dict of (probability, overlap) to list of Match
        At IoU 0.5 and 0.7, summed over the slices.
    """
    draw = _drawn_slice if model.info.dimensions == 2 else _drawn_volume
    network = kept_network(model)
    found: dict[tuple[float, float], dict[float, list[Match]]] = {pair: {0.5: [], 0.7: []} for pair in pairs}
    for index in indices:
        image, labels = slices.raw(index)
        for pair, drawn in draw(network, image, slices[index].diameter_px, pairs):
            for iou, matches in found[pair].items():
                matches.append(match(labels, drawn, iou))
    return {pair: [total(matches) for matches in by_iou.values()] for pair, by_iou in found.items()}


def _drawn_slice(network: Network, image: Any, diameter_px: float, pairs: tuple[tuple[float, float], ...]) -> Any:
    """Give the particles found in a slice with each pair of thresholds."""
    inside = ~constant_part(image)
    factor = (network.info.diameter_px or 1.0) / diameter_px
    small = rescale(grey_range(image[inside]).normalise(image), (factor, factor))
    scale = (small.shape[0] / image.shape[0], small.shape[1] / image.shape[1])
    probability, distance = network.predict(small)
    grid = (network.info.grid[0], network.info.grid[1])
    for pair in pairs:
        polygons = select_polygons(probability, distance, grid, *pair)
        yield pair, draw_polygons(polygons, (image.shape[0], image.shape[1]), scale, inside)


def _drawn_volume(network: Network, image: Any, diameter_px: float, pairs: tuple[tuple[float, float], ...]) -> Any:
    """Give the particles found in a volume with each pair of thresholds."""
    from .parameters import IdentifyParameters
    from .predict_3d import iter_candidates, iter_select

    inside = np.stack([~constant_part(plane) for plane in image])
    tomogram = Tomogram(image, field_of_view=inside)
    parameters = IdentifyParameters(method="stardist3d", diameter_um=diameter_px)
    candidates, scale = drain(iter_candidates(network, tomogram, parameters))
    for probability, overlap in pairs:
        chosen = replace(parameters, prob_threshold=probability, nms_threshold=overlap)
        yield (probability, overlap), drain(iter_select(candidates, chosen, tomogram, scale))[1]
