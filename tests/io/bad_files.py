"""Files that nobody can analyse, each with the words that its message has to hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np
import tifffile

from napari_cathode.io import read, read_labels, read_table, write_labels

GREY = np.random.default_rng(0).integers(0, 255, (6, 24, 32), dtype=np.uint8)


@dataclass(frozen=True)
class BadCase:
    name: str
    make: Callable[[Path], Any]
    says: tuple[str, ...]
    use: Callable[[Any], Any] = read


def _tiff(name: str, values: np.ndarray, **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        tifffile.imwrite(folder / name, values, **options)
        return folder / name

    return make


def _npy(name: str, values: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        np.save(folder / name, values, allow_pickle=True)
        return folder / name

    return make


def _raw(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def _cut(make_whole: Callable[[Path], Path], share: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = make_whole(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path

    return make


def _h5(name: str, /, **datasets: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        with h5py.File(folder / name, "w") as file:
            for key, values in datasets.items():
                file[key.replace("__", "/")] = values
        return folder / name

    return make


def _projections(folder: Path) -> Path:
    with h5py.File(folder / "scan.nx", "w") as file:
        file["entry/definition"] = "NXtomo"
        file["entry/instrument/detector/data"] = GREY
        file["entry/instrument/detector"].attrs["NX_class"] = "NXdetector"
        file["entry/data/data"] = h5py.SoftLink("/entry/instrument/detector/data")
    return folder / "scan.nx"


def _missing_parts(folder: Path) -> Path:
    layout = h5py.VirtualLayout((6, 24, 32), np.uint8)
    layout[:] = h5py.VirtualSource("parts/part_0.h5", "data", (6, 24, 32))
    with h5py.File(folder / "master.h5", "w") as file:
        file.create_virtual_dataset("entry0000/reconstruction/results/data", layout)
    return folder / "master.h5"


def _folder(*slices: tuple[str, Any]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        place = folder / "slices"
        place.mkdir()
        for name, values in slices:
            if isinstance(values, bytes):
                (place / name).write_bytes(values)
            elif name.endswith("png"):
                (place / name).write_bytes(imagecodecs.png_encode(values))
            else:
                tifffile.imwrite(place / name, values)
        return place

    return make


def _ragged_stack(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "ragged.tif") as writer:
        for page in (GREY[0], GREY[1], GREY[2, :20]):
            writer.write(page, contiguous=False)
    return folder / "ragged.tif"


def _two_ome_images(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "two.ome.tif", ome=True) as writer:
        writer.write(GREY, metadata={"axes": "ZYX", "Name": "before"})
        writer.write(GREY[:3], metadata={"axes": "ZYX", "Name": "after"})
    return folder / "two.ome.tif"


def _broken_strip(folder: Path) -> Path:
    path = folder / "scratched.tif"
    tifffile.imwrite(path, GREY, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        start = tif.pages[2].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start : start + 40] = b"\0" * 40
    path.write_bytes(content)
    return path


def _folder_of_stacks(folder: Path) -> Path:
    place = folder / "stacks"
    place.mkdir()
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(place / name, GREY)
    return place


def _nested_away(folder: Path) -> Path:
    (folder / "results").mkdir()
    (folder / "results" / "notes.txt").write_text("nothing here")
    return folder / "results"


def _csv(name: str, text: str) -> Callable[[Path], Path]:
    return _raw(name, text.encode())


def _write_jpeg(folder: Path) -> Path:
    return folder / "labels.jpg"


PLAIN = _tiff("volume.tif", GREY)
PACKED = _tiff("packed.tif", GREY, compression="zlib")

CASES = [
    BadCase("file that is not there", lambda folder: folder / "lost.tif", ("lost.tif", "does not exist")),
    BadCase("empty TIFF", _raw("empty.tif", b""), ("empty.tif", "0 bytes")),
    BadCase("empty HDF5", _raw("empty.h5", b""), ("empty.h5", "0 bytes")),
    BadCase("text named .tif", _raw("notes.tif", b"Dear colleague, the scan ..."), ("notes.tif", "not a TIFF")),
    BadCase("text named .h5", _raw("notes.h5", b"Dear colleague, the scan ..."), ("notes.h5", "not an HDF5 file")),
    BadCase("text file", _raw("notes.txt", b"Dear colleague"), ("notes.txt", "no kind that can be opened")),
    BadCase("JPEG photo", _raw("photo.jpg", b"\xff\xd8\xff\xe0" + bytes(99)), ("photo.jpg", "no kind")),
    BadCase("TIFF cut off in its values", _cut(PLAIN, 0.6), ("volume.tif", "cut off")),
    BadCase("TIFF cut off in its header", _cut(PLAIN, 0.01), ("volume.tif", "cut off")),
    BadCase("compressed TIFF cut off", _cut(PACKED, 0.6), ("packed.tif", "cut off")),
    BadCase("ImageJ stack cut off", _cut(_tiff("ij.tif", GREY, imagej=True), 0.6), ("ij.tif", "cut off")),
    BadCase("TIFF with a scratched page", _broken_strip, ("scratched.tif", "damaged")),
    BadCase(
        "colour TIFF", _tiff("rgb.tif", np.repeat(GREY[0, ..., None], 3, 2), photometric="rgb"), ("rgb.tif", "colour")
    ),
    BadCase(
        "time series of volumes",
        _tiff("series.tif", np.stack([GREY] * 3), imagej=True, metadata={"axes": "TZYX"}),
        ("series.tif", "4 axes", "time 3", "z 6"),
    ),
    BadCase(
        "volume with channels",
        _tiff("channels.ome.tif", np.stack([GREY] * 2), ome=True, metadata={"axes": "CZYX"}),
        ("channels.ome.tif", "channel 2"),
    ),
    BadCase(
        "slice with channels",
        _tiff("two.tif", GREY[:2], imagej=True, metadata={"axes": "CYX"}),
        ("two.tif", "2 channels"),
    ),
    BadCase("stack with pages of two sizes", _ragged_stack, ("ragged.tif", "Page 3", "20 × 32", "24 × 32")),
    BadCase("OME file with two images", _two_ome_images, ("two.ome.tif", "2 images", "before", "after")),
    BadCase("TIFF of complex numbers", _tiff("wave.tif", GREY.astype(np.complex64)), ("wave.tif", "complex")),
    BadCase(
        "TIFF mask of true and false",
        _tiff("mask.tif", GREY > 99, photometric="minisblack"),
        ("mask.tif", "true/false"),
    ),
    BadCase("only NaN", _tiff("nan.tif", np.full((5, 24, 32), np.nan, np.float32)), ("nan.tif", "NaN")),
    BadCase("one voxel", _tiff("dot.tif", GREY[:1, :1, :1]), ("dot.tif", "1 × 1")),
    BadCase(
        "folder with a slice of another size",
        _folder(("s1.tif", GREY[0]), ("s2.tif", GREY[1, :20]), ("s3.tif", GREY[2])),
        ("s2.tif", "20 × 32", "24 × 32"),
    ),
    BadCase(
        "folder with a slice of another type",
        _folder(("s1.png", GREY[0]), ("s2.png", GREY[1].astype(np.uint16)), ("s3.png", GREY[2])),
        ("s2.png", "uint16", "uint8"),
    ),
    BadCase("folder with an empty slice", _folder(("s1.tif", GREY[0]), ("s2.tif", b"")), ("s2.tif", "0 bytes")),
    BadCase(
        "folder with a text named .tif", _folder(("s1.tif", GREY[0]), ("s2.tif", b"text")), ("s2.tif", "not a TIFF")
    ),
    BadCase("folder without slices", _nested_away, ("results", "no TIFF or PNG slices")),
    BadCase("folder of stacks", _folder_of_stacks, ("a.tif", "stack of 6")),
    BadCase("folder of colour PNGs", _folder(("s1.png", np.repeat(GREY[0, ..., None], 3, 2))), ("s1.png", "colour")),
    BadCase("HDF5 cut off", _cut(_h5("cut.h5", volume=GREY), 0.5), ("cut.h5", "cut off")),
    BadCase("HDF5 without a volume", _h5("table.h5", x=np.arange(9), name=b"text"), ("table.h5", "no data set")),
    BadCase(
        "HDF5 with several volumes",
        _h5("many.h5", phase=GREY, absorption=GREY),
        ("many.h5", "2 data sets", "phase", "absorption", "--dataset"),
    ),
    BadCase("HDF5 of projections", _projections, ("scan.nx", "projections")),
    BadCase("HDF5 whose parts are missing", _missing_parts, ("master.h5", "part_0.h5")),
    BadCase(
        "HDF5 with a mistyped data set",
        _h5("one.h5", entry__volume=GREY),
        ("one.h5", "volme", "entry/volume"),
        lambda path: read(path, dataset="volme"),
    ),
    BadCase("data set asked of a TIFF", PLAIN, ("volume.tif", "no data sets"), lambda path: read(path, dataset="a")),
    BadCase("NumPy file of objects", _npy("objects.npy", np.array([{}, 1], object)), ("objects.npy", "Python objects")),
    BadCase("NumPy file of a table", _npy("t.npy", np.zeros(3, [("a", "i4")])), ("t.npy", "not grey values")),
    BadCase("NumPy file cut off", _cut(_npy("cut.npy", GREY), 0.5), ("cut.npy", "cut off")),
    BadCase("NumPy file with four axes", _npy("four.npy", GREY[None, :2]), ("four.npy", "4 axes", "1 × 2 × 24 × 32")),
    BadCase("NumPy list of numbers", _npy("list.npy", np.arange(9.0)), ("list.npy", "1 axis")),
    BadCase("NumPy file of complex numbers", _npy("c.npy", GREY.astype(complex)), ("c.npy", "complex")),
    BadCase("NumPy mask", _npy("b.npy", GREY > 9), ("b.npy", "true/false")),
    BadCase("NumPy volume without voxels", _npy("none.npy", np.zeros((0, 9, 9))), ("none.npy", "0 × 9 × 9")),
    BadCase(
        "voxel size of zero",
        PLAIN,
        ("volume.tif", "three positive numbers"),
        lambda path: read(path, spacing_um=(0.0, 1.0, 1.0)),
    ),
    BadCase(
        "labels that are no whole numbers",
        _tiff("l.tif", GREY / np.float32(7)),
        ("l.tif", "whole numbers"),
        read_labels,
    ),
    BadCase("labels below zero", _tiff("l.tif", GREY.astype(np.int16) - 9), ("l.tif", "from -9"), read_labels),
    BadCase("labels as JPEG", _write_jpeg, ("labels.jpg", ".tif"), lambda path: write_labels(path, GREY, None)),
    BadCase("table without labels", _csv("t.csv", "a,b\n1,2\n"), ("t.csv", "'label'"), read_table),
    BadCase(
        "table with a label twice", _csv("t.csv", "label,v\n3,2\n3,4\n"), ("label 3", "more than once"), read_table
    ),
    BadCase("table with text", _csv("t.csv", "label,v_um\n1,2\n2,big\n"), ("Line 3", "'big'", "v_um"), read_table),
    BadCase("table with decimal commas", _csv("t.csv", 'label,v_um\n1,"2,5"\n'), ("2,5", "decimal point"), read_table),
    BadCase("table of uneven rows", _csv("t.csv", "label,v\n1,2\n2,3,4,5\n"), ("t.csv", "no table"), read_table),
    BadCase("empty table", _csv("t.csv", ""), ("t.csv", "empty"), read_table),
    BadCase("spreadsheet as table", _raw("t.csv", b"PK\x03\x04\0\0\0\0"), ("t.csv", "no CSV"), read_table),
]


def clear(folder: Path) -> Path:
    """Give an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
