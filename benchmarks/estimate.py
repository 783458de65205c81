"""How good the estimates of time and memory are, how quick a preview and a slider are, and how soon Cancel ends a run.

Run ``python benchmarks/estimate.py [--first | --processor | --whole | --steps]``. ``--first`` measures only what a
person waits for on a slice of 1 Mpx, from the click in a fresh process to the labels; ``--processor`` compares
estimates only, in seconds of the processor; ``--whole`` does so for whole runs, from the tomogram to the explanation;
``--steps`` for fusing, measuring and explaining alone, each in a process as a panel has for it, with the memory. Other
times are of the clock: they mean something on an otherwise idle machine only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode.explain import ExplainParameters
from napari_cathode.fuse import FuseParameters
from napari_cathode.identify import IdentifyParameters, identify, identify_volume
from napari_cathode.identify.models import open_model
from napari_cathode.identify.survey import estimate, iter_survey
from napari_cathode.kept_process import KeptProcess
from napari_cathode.measure import MeasureParameters
from napari_cathode.pipeline import run
from napari_cathode.plugin.finding_steps import iter_adjust_slice, iter_find_layer, iter_survey_layer
from napari_cathode.plugin.steps import ViewsToFuse, iter_explain_table, iter_fuse_layers, iter_measure_layers
from napari_cathode.progress import drain
from napari_cathode.simulate import PRESETS, SimulationParameters, simulate, simulate_slice
from napari_cathode.simulate.samples import load_sample
from napari_cathode.tomogram import Tomogram
from napari_cathode.whole_run import (
    Expected,
    estimate_run,
    expect_explaining,
    expect_fusing,
    expect_measuring,
    particles_in,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", action="store_true", help="only what a person waits for on a slice")
    parser.add_argument("--processor", action="store_true", help="only estimates, in seconds of the processor")
    parser.add_argument("--whole", action="store_true", help="estimates of whole runs, in seconds of the processor")
    parser.add_argument("--steps", action="store_true", help="estimates of the steps after finding, with their memory")
    given = parser.parse_args()
    if given.steps:
        compare_steps()
        return
    if given.whole:
        compare_whole_runs()
        return
    if given.processor:
        compare_processor_seconds()
        return
    if not given.first:
        compare_estimates()
    interactive(sliced(1024))


def compare_processor_seconds() -> None:
    """Compare estimates in seconds of the processor, which the load by other programs hardly changes."""
    whole = volume()
    small, every = whole.part(((0, 64), (0, 128), (0, 128))), ("xy", "xz", "yz")
    usual, classical = IdentifyParameters(), IdentifyParameters(method="watershed")
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        shutil.copytree(open_model(usual.model).info.folder, other)
        cases = {
            "slice 1024²": (sliced(1024), ("xy",), usual),
            "slice 1024², watershed": (sliced(1024), ("xy",), classical),
            "volume 64 × 128², one view": (small, ("xy",), usual),
            "the same, three views": (small, every, usual),
            "the same, yz with a model of its own": (small, every, replace(usual, model_yz=str(other))),
            "the same, watershed": (small, every, classical),
            "128³, 3D network": (volume_128(), (), IdentifyParameters(method="stardist3d")),
        }
        compare_finding(cases)


def volume_128() -> Tomogram:
    made = simulate(replace(PRESETS["nmc-10-cycles"], size_z=128, size_y=128, size_x=128, voxel_um=0.2), 9301)
    return Tomogram(made.image, made.spacing_um, field_of_view=made.field_of_view)


def compare_finding(cases: dict[str, tuple[Tomogram, tuple[str, ...], IdentifyParameters]]) -> None:
    print("| image | estimated CPU s | took CPU s | ratio |\n|---|---|---|---|")
    for name, (tomogram, views, parameters) in cases.items():
        for _ in range(2):  # the first time something is compiled
            survey = drain(iter_survey(tomogram, parameters, time.process_time))
        expected = estimate(survey, tomogram, views).seconds
        started = time.process_time()
        if survey.volume is None:
            identify(tomogram, survey.parameters, views)
        else:
            identify_volume(tomogram, survey.parameters)
        took = time.process_time() - started
        print(f"| {name} | {expected:.2f} | {took:.2f} | {expected / took:.2f} |", flush=True)


def compare_whole_runs() -> None:
    """Compare estimates of whole runs, all steps in one process."""
    made = load_sample("nmc-50-cycles")
    sample = Tomogram(made.image, made.spacing_um, "sample")
    cases = {"sample, 96 × 192²": sample, "slice 1024²": sliced(1024), "volume 96 × 192², other seed": volume()}
    print("| image | estimated CPU s | took CPU s | ratio | particles guessed | found |\n|---|---|---|---|---|---|")
    for name, tomogram in cases.items():
        for _ in range(2):  # the first time something is compiled
            survey = drain(iter_survey(tomogram, IdentifyParameters(), time.process_time))
        views = ("xy",) if tomogram.is_slice else ("xy", "xz", "yz")
        whole = estimate_run(survey, tomogram, views)
        expected = whole.seconds - whole.starting  # nothing is started here
        started = time.process_time()
        found = run(tomogram)
        took = time.process_time() - started
        guessed = particles_in(survey, tomogram)
        print(
            f"| {name} | {expected:.1f} | {took:.1f} | {expected / took:.2f} | {guessed:.0f} | {len(found.table)} |",
            flush=True,
        )


def compare_steps() -> None:
    """Compare what the panels say that fusing, measuring and explaining will take, in processes of their own."""
    made = load_sample("nmc-50-cycles")
    sample = Tomogram(made.image, made.spacing_um, "sample")
    slow = drain(iter_survey(sample, IdentifyParameters(), time.process_time)).slowness
    print("| image | step | estimated CPU s | took CPU s | ratio | estimated GB | peak GB |")
    print("|---|---|---|---|---|---|---|")
    for name, tomogram in {"sample, 96 × 192²": sample, "volume 96 × 192², other seed": volume()}.items():
        found, voxels = identify(tomogram), tomogram.data.size
        views, spacing = ViewsToFuse("views", found), tomogram.spacing_um
        fuse = (iter_fuse_layers, views, FuseParameters(), spacing)
        fused = told(f"| {name} | fuse |", expect_fusing(voxels), slow, fuse)
        measure = (iter_measure_layers, fused.labels, tomogram, spacing, MeasureParameters())
        table, _ = told(f"| {name} | measure |", expect_measuring(voxels), slow, measure)
        explain = (iter_explain_table, table, ExplainParameters())
        told(f"| {name} | explain {len(table)} |", expect_explaining(len(table)), slow, explain)


def told(name: str, expected: Expected, slow: float, call: tuple[Any, ...]) -> Any:
    """Do a step in a fresh process, and print what it took beside what was expected."""
    kept = KeptProcess()
    with Peak(kept) as peak:
        result = drain(kept.iter_call(*call))
        took = cpu_seconds(kept.pid)
    kept.close()
    seconds = slow * expected.seconds
    print(
        f"{name} {seconds:.1f} | {took:.1f} | {seconds / took:.2f} | {expected.memory / 1e9:.2f} | "
        f"{peak.bytes / 1e9:.2f} |",
        flush=True,
    )
    return result


def compare_estimates() -> None:
    cases = {
        "slice 1024²": (sliced(1024), ("xy",), None),
        "slice 2560²": (sliced(2560), ("xy",), None),
        "slice 1024², watershed": (sliced(1024), ("xy",), "watershed"),
        "volume 96 × 192²": (volume(), ("xy", "xz", "yz"), None),
    }
    print("| image | estimated s | took s | ratio | estimated GB | peak GB |\n|---|---|---|---|---|---|")
    for name, (tomogram, views, method) in cases.items():
        kept = KeptProcess()
        parameters = IdentifyParameters(method=method or "stardist2d")
        survey = drain(kept.iter_call(iter_survey_layer, tomogram, parameters))
        expected = estimate(survey, tomogram, views)
        region = tuple((0, size) for size in tomogram.shape)
        with Peak(kept) as peak:
            started = time.perf_counter()
            drain(kept.iter_call(iter_find_layer, tomogram, survey.parameters, views, region, False, None))
            took = time.perf_counter() - started
        kept.close()
        print(
            f"| {name} | {expected.seconds:.1f} | {took:.1f} | {expected.seconds / took:.2f} | "
            f"{expected.memory / 1e9:.2f} | {peak.bytes / 1e9:.2f} |",
            flush=True,
        )


def interactive(tomogram: Tomogram) -> None:
    """Time what a person waits for on a 1 Mpx slice."""
    kept, region = KeptProcess(), tuple((0, size) for size in tomogram.shape)
    call = (iter_find_layer, tomogram, IdentifyParameters(), ("xy",), region, False, None)
    for name in ("first preview, fresh process", "next preview"):
        started = time.perf_counter()
        found = drain(kept.iter_call(*call))
        print(
            f"{name}: {time.perf_counter() - started:.2f} s ({cpu_seconds(kept.pid):.1f} CPU s of the process so far)"
        )
    own = KeptProcess()
    drain(own.iter_call(iter_adjust_slice, found.slice, 0.3, 0.5))
    for name, overlap in (("overlap slider", 0.4), ("probability slider", None)):
        started = time.perf_counter()
        survivors, _ = drain(own.iter_call(iter_adjust_slice, found.slice, overlap, 0.5))
        found_slice = survivors
        print(f"{name}: {time.perf_counter() - started:.2f} s ({len(found.slice)} candidates)")
        found = type(found)(found.views, slice=found_slice)
    latencies = []
    for wait in np.linspace(0.05, 1.5, 8):
        steps = kept.iter_call(*call)
        until = time.perf_counter() + wait
        while time.perf_counter() < until:
            next(steps)
        pid, started = kept.pid, time.perf_counter()
        steps.close()
        while pid is not None and alive(pid):
            time.sleep(0.005)
        latencies.append(time.perf_counter() - started)
    print(f"Cancel at 8 moments of a preview: process gone after at most {max(latencies):.3f} s")
    kept.close()
    own.close()


def sliced(edge: int) -> Tomogram:
    made = simulate_slice(SimulationParameters(size_z=1, size_y=edge, size_x=edge), 11)
    return Tomogram(made.image, made.parameters.spacing_um, f"{edge}")


def volume() -> Tomogram:
    made = simulate(SimulationParameters(size_z=96, size_y=192, size_x=192), 12)
    return Tomogram(made.image, made.parameters.spacing_um, "volume")


class Peak:
    """The largest memory of a process, looked up every 10 ms (Linux)."""

    def __init__(self, kept: KeptProcess) -> None:
        self._kept = kept
        self.bytes = 0
        self._stop = threading.Event()

    def __enter__(self) -> Peak:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            pid = self._kept.pid
            if pid is not None:
                with open(f"/proc/{pid}/statm") as file:
                    self.bytes = max(self.bytes, int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def cpu_seconds(pid: int | None) -> float:
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
