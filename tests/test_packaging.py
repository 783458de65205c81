"""Models, sample data and the manifest are found in a wheel, an sdist and an editable install alike."""

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LOOK = """
import importlib.metadata, json, sys
import napari_cathode
from napari_cathode import resources
from napari_cathode.identify import models
from napari_cathode.simulate import samples
entry, = importlib.metadata.entry_points(group="napari.manifest", name="napari-cathode")
print(json.dumps({
    "package": napari_cathode.__file__,
    "manifest": entry.value,
    "models": sorted(p.name for p in resources.models_folder().iterdir() if (p / "model.onnx").exists()),
    "listed": sorted(model.name for model in models.list_models()),
    "samples": sorted(p.name for p in resources.sample_data_folder().iterdir()),
    "listed_samples": sorted(sample.name for sample in samples.list_samples()),
    "yaml": (resources.models_folder().parent / "napari.yaml").exists(),
}))
"""


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Copy what git tracks, so that nothing that happens to lie around gets into a package."""
    copy = tmp_path_factory.mktemp("source") / "project"
    listed = run("git", "-C", ROOT, "ls-files", "-z").split("\0")
    for name in filter(None, listed):
        if os.path.lexists(ROOT / name):  # links stay links: builders trip over them
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name, follow_symlinks=False)
    return copy


@pytest.fixture(scope="module")
def built(source) -> Path:
    """Build an sdist, and the wheel from that sdist."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", source / "dist", source)
    return source / "dist"


def install(folder: Path, *what) -> Path:
    """Install the package into a clean environment that borrows nothing but the dependencies."""
    venv.create(folder, with_pip=False)
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = folder / scripts / ("python.exe" if os.name == "nt" else "python")
    lent = sorted({sysconfig.get_path("purelib"), *site.getsitepackages()})
    # The lent folders hold an installation of this package too, which pip must neither count nor touch.
    alone = ("--no-deps", "--no-build-isolation", "--ignore-installed")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(lent)}
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", *alone, *what, env=environment)
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # A plain path line is searched after the environment's own folder, and its .pth files are not read.
    (purelib / "zz-dependencies.pth").write_text("\n".join(lent))
    return python


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_everything_is_found(kind, source, built, tmp_path):
    import json

    what = {"wheel": [*built.glob("*.whl")], "sdist": [*built.glob("*.tar.gz")], "editable": ["-e", source]}[kind]
    python = install(tmp_path / "environment", *what)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = json.loads(run(python, "-c", LOOK, cwd=elsewhere, env=environment))
    home = source if kind == "editable" else tmp_path / "environment"
    assert Path(found["package"]).is_relative_to(home)
    assert found["manifest"] == "napari_cathode:napari.yaml" and found["yaml"]
    assert found["models"] and set(found["models"]) <= set(found["listed"])
    assert len(found["samples"]) >= 4 and len(found["listed_samples"]) >= 4
    help_text = run(python, "-m", "napari_cathode", "--help", cwd=elsewhere, env=environment)
    assert "run" in help_text


def test_the_wheel_holds_models_and_samples_and_stays_small(built):
    (wheel,) = built.glob("*.whl")
    assert 10e6 < wheel.stat().st_size < 40e6
