"""Where ONNX Runtime computes: on a graphics card where there is one that it can use, on the processor otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

CPU = "CPUExecutionProvider"

PREFERRED = {
    "CUDAExecutionProvider": "NVIDIA GPU (CUDA)",
    "MIGraphXExecutionProvider": "AMD GPU (MIGraphX)",
    "ROCMExecutionProvider": "AMD GPU (ROCm)",
    "DmlExecutionProvider": "GPU (DirectML)",
}
"""The providers that are used where they are installed, the best first, as people call them.

TensorRT builds an engine for each image size, which takes minutes; Core ML computes in half precision, and not the same
numbers. Both are left out.
"""


def choose_providers(available: Iterable[str]) -> list[str]:
    """Give the providers to ask for, the best first; the processor is always the last."""
    there = set(available)
    return [name for name in PREFERRED if name in there] + [CPU]


def open_session(path: str, options: Any, cores: int) -> tuple[Any, str]:
    """Open a network on the best provider that works.

    A card that is there but cannot be used (no driver, no memory) is no failure: the processor takes its place.

    Parameters
    ----------
    path : str
        The ONNX file.
    options : onnxruntime.SessionOptions
        How.
    cores : int
        Threads on the processor, to be told.

    Returns
    -------
    session : onnxruntime.InferenceSession
    backend : str
        Where it computes, as people call it.
    """
    import onnxruntime

    session = None
    wanted = choose_providers(onnxruntime.get_available_providers())
    if wanted != [CPU]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns of what it then does without
                session = onnxruntime.InferenceSession(path, sess_options=options, providers=wanted)
        except Exception:  # whatever a driver raises
            session = None
    if session is None:
        session = onnxruntime.InferenceSession(path, sess_options=options, providers=[CPU])
    return session, PREFERRED.get(session.get_providers()[0], processor(cores))


def processor(cores: int) -> str:
    """Say that the processor computes, as people call it."""
    return f"processor, {cores} {'core' if cores == 1 else 'cores'}"


def on_card(session: Any) -> bool:
    """Whether a session computes on a graphics card."""
    return session.get_providers()[0] != CPU
