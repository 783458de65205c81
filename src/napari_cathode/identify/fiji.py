"""A model for other programs: TensorFlow SavedModel for StarDist's plugin of Fiji, and ONNX."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from napari_cathode.errors import InputError
from napari_cathode.io.atomic import replacing
from napari_cathode.progress import Progress, Steps

from .models import ModelInfo, find_model, open_model
from .state import quiet

SUFFIXES = (".zip", ".onnx")
"""Kinds of files that a model can be exported to: for Fiji, and ONNX."""

OPERATIONS: dict[str, frozenset[str]] = {
    "Placeholder": frozenset({"dtype", "shape"}),
    "Const": frozenset({"dtype", "value"}),
    "Conv2D": frozenset({"T", "strides", "use_cudnn_on_gpu", "padding", "data_format", "dilations"}),
    "Conv2DBackpropInput": frozenset({"T", "strides", "use_cudnn_on_gpu", "padding", "data_format", "dilations"}),
    "BiasAdd": frozenset({"T", "data_format"}),
    "Relu": frozenset({"T"}),
    "Elu": frozenset({"T"}),
    "Tanh": frozenset({"T"}),
    "Sigmoid": frozenset({"T"}),
    "MaxPool": frozenset({"T", "ksize", "strides", "padding", "data_format"}),
    "ResizeNearestNeighbor": frozenset({"T", "align_corners"}),
    "ConcatV2": frozenset({"N", "T", "Tidx"}),
    "Shape": frozenset({"T", "out_type"}),
    "Slice": frozenset({"T", "Index"}),
    "Mul": frozenset({"T"}),
    "Add": frozenset({"T"}),
}
"""Operations that an exported graph may hold, with the attributes that they have in TensorFlow 1.12 (its ops.pbtxt)."""


def iter_export_model(name_or_folder: str, target: Path) -> Steps[Path]:
    """Write a model as one file for another program.

    Parameters
    ----------
    name_or_folder : str
        Name of a shipped or own model, or a StarDist model folder.
    target : Path
        ``.zip`` for StarDist's Fiji plugin (2D models), ``.onnx`` for programs that run ONNX.

    Yields
    ------
    Progress

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        For another ending, a model that cannot be exported so, or when TensorFlow is missing.
    """
    info = find_model(name_or_folder)
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"A model cannot be exported to {target.name}; use a name that ends in .zip (Fiji) or .onnx.")
    yield Progress(0, 1, f"Exporting {info.name}")
    if target.suffix.lower() == ".onnx":
        model = open_model(name_or_folder, info.dimensions)
        if model.onnx is None:
            from .export import require_tensorflow

            require_tensorflow("export a model as ONNX")
        assert model.onnx is not None
        with replacing(target) as part:
            shutil.copyfile(model.onnx, part)
    else:
        export_fiji(info, target)
    yield Progress(1, 1, "Exported")
    return target


def export_fiji(info: ModelInfo, target: Path) -> None:
    """Write a 2D model as the zipped SavedModel that StarDist's plugin of Fiji reads.

    Its runtime is TensorFlow 1.x, so the graph holds operations of TensorFlow 1.12 only, the weights as constants. As
    the plugin wants it, the one output has the size of the input: the probability stands at every grid-th pixel, zero
    between, and the ray distances are repeated over each cell of the grid.

    Raises
    ------
    InputError
        For a 3D model, one with layers that are not known here, without weights, or when TensorFlow is missing.
    """
    from .export import require_tensorflow

    if info.dimensions != 2:
        raise InputError(f"The model {info.name} is for volumes; StarDist's plugin of Fiji runs 2D models only.")
    if info.weights is None:
        raise InputError(f"The model {info.name} has no weights (.h5) to export; copy its weights file to it.")
    require_tensorflow("export a model for Fiji")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow

    network = _load(info)
    weights = {layer.name: layer.get_weights() for layer in network.layers}  # readable outside a graph only
    v1 = tensorflow.compat.v1
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        with v1.Graph().as_default(), v1.Session() as session:
            image, output = _build(network, weights, info, tensorflow)
            signature = v1.saved_model.signature_def_utils.predict_signature_def({"input": image}, {"output": output})
            builder = v1.saved_model.Builder(str(folder))
            builder.add_meta_graph_and_variables(
                session,
                [v1.saved_model.tag_constants.SERVING],
                {v1.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY: signature},
                strip_default_attrs=True,  # attributes that TensorFlow 1.12 does not know have their default here
            )
            builder.save()
        newer = newer_operations(read_saved_model(folder))
        if newer:  # a fault of this module, not of the model
            raise RuntimeError(f"the exported graph holds what TensorFlow 1.12 does not know: {', '.join(newer)}")
        with replacing(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(folder.rglob("*")):
                file.write(path, path.relative_to(folder).as_posix())


def _load(info: ModelInfo) -> Any:
    """Give the Keras network of a model folder."""
    from stardist.models import StarDist2D

    with quiet():
        try:
            model = StarDist2D(None, name=info.folder.name, basedir=str(info.folder.parent))
            assert info.weights is not None
            model.load_weights(info.weights.name)
        except (OSError, ValueError, KeyError) as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(
                f"The weights {info.weights} cannot be loaded into the network of its config.json ({first})."
            ) from None
    return model.keras_model


def _build(network: Any, weights: dict[str, list[Any]], info: ModelInfo, tensorflow: Any) -> tuple[Any, Any]:
    """Write the network anew, layer by layer, into the present graph; gives its input and its one output."""
    ops = tensorflow.raw_ops
    known: dict[int, Any] = {}
    image = tensorflow.compat.v1.placeholder(tensorflow.float32, (None, None, None, 1), "input")
    for layer in network.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            known[id(layer.output)] = image
            continue
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        if any(id(one) not in known for one in inputs):
            continue  # behind a layer of classes, which the plugin does not read
        if layer.name == "prob_class":
            continue
        known[id(layer.output)] = _layer(layer, weights[layer.name], [known[id(one)] for one in inputs], ops, info)
    probability, distance = (known[id(one)] for one in network.outputs[:2])
    rows, columns = info.grid
    whole = ops.Mul(x=ops.Shape(input=probability), y=[1, rows, columns, 1])
    if max(info.grid) > 1:
        kernel = tensorflow.ones((1, 1, 1, 1))
        probability = ops.Conv2DBackpropInput(
            input_sizes=whole, filter=kernel, out_backprop=probability, strides=[1, rows, columns, 1], padding="SAME"
        )
        distance = ops.ResizeNearestNeighbor(images=distance, size=ops.Slice(input=whole, begin=[1], size=[2]))
    output = ops.ConcatV2(values=[probability, distance], axis=3, name="output")
    output.set_shape((None, None, None, info.n_rays + 1))
    return image, output


def _layer(layer: Any, weights: list[Any], inputs: list[Any], ops: Any, info: ModelInfo) -> Any:
    """Write one layer of StarDist's U-Net."""
    kind, first = type(layer).__name__, inputs[0]
    if kind == "Conv2D":
        made = ops.Conv2D(
            input=first, filter=weights[0], strides=[1, *layer.strides, 1], padding=layer.padding.upper(),
            dilations=[1, *layer.dilation_rate, 1],
        )  # fmt: skip
        if layer.use_bias:
            made = ops.BiasAdd(value=made, bias=weights[1])
        return _activation(made, layer.activation.__name__, ops, info)
    if kind == "MaxPooling2D":
        window = [1, *layer.pool_size, 1]
        return ops.MaxPool(input=first, ksize=window, strides=[1, *layer.strides, 1], padding=layer.padding.upper())
    if kind == "UpSampling2D" and layer.interpolation == "nearest":
        factors = [int(size) for size in layer.size]
        size = ops.Slice(input=ops.Shape(input=first), begin=[1], size=[2])
        return ops.ResizeNearestNeighbor(images=first, size=ops.Mul(x=size, y=factors))
    if kind == "Concatenate":
        return ops.ConcatV2(values=inputs, axis=3)
    if kind == "BatchNormalization":
        gamma, beta, mean, variance = weights
        scale = gamma / (variance + layer.epsilon) ** 0.5
        return ops.Add(x=ops.Mul(x=first, y=scale), y=beta - mean * scale)
    if kind == "Activation":
        return _activation(first, layer.activation.__name__, ops, info)
    if kind in ("Dropout", "SpatialDropout2D"):
        return first
    raise InputError(f"The model {info.name} has a layer of kind {kind}, which cannot be exported for Fiji.")


def _activation(value: Any, name: str, ops: Any, info: ModelInfo) -> Any:
    if name == "linear":
        return value
    makers = {
        "relu": lambda: ops.Relu(features=value),
        "elu": lambda: ops.Elu(features=value),
        "tanh": lambda: ops.Tanh(x=value),
        "sigmoid": lambda: ops.Sigmoid(x=value),
    }
    if name not in makers:
        raise InputError(f"The model {info.name} uses the activation {name}, which cannot be exported for Fiji.")
    return makers[name]()


def read_saved_model(folder: Path) -> Any:
    """Read the file of a SavedModel folder as its protocol buffer."""
    from tensorflow.core.protobuf import saved_model_pb2

    read = saved_model_pb2.SavedModel()
    read.ParseFromString((folder / "saved_model.pb").read_bytes())
    return read


def newer_operations(saved_model: Any) -> list[str]:
    """List what a SavedModel holds that TensorFlow 1.12 does not know: operations, or attributes of them."""
    found = []
    for meta in saved_model.meta_graphs:
        for node in meta.graph_def.node:
            if node.op not in OPERATIONS:
                found.append(node.op)
            else:
                found += [
                    f"{node.op}.{name}" for name in sorted(set(node.attr) - OPERATIONS[node.op]) if name[0] != "_"
                ]
    return sorted(set(found))
