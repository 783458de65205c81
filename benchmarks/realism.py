"""Do simulated slices resemble real ones? Pictures, statistics, and a classifier that tries to tell them apart.

    python benchmarks/realism.py REAL_A.tif REAL_B.tif -o OUTDIR [--labels REAL_A_labels.tif]

Writes side-by-side pictures and grey-level histograms, and prints statistics of each real slice and of simulated slices
of its kind (`napari_cathode.simulate.realistic`). The classifier is a random forest on simple features of patches of
128 px, trained on every other strip of the real slices and tested on the strips between, with a gap that no patch
reaches into. Area under the ROC curve 0.5: it cannot tell; 1: it always can. The simulator's settings were tuned on the
same two slices, so a third one would be told from simulation more easily.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage, stats
from skimage.feature import local_binary_pattern
from skimage.filters import threshold_otsu

from napari_cathode.simulate import realistic, simulate_slice

PATCH = 128
STRIPS = 4
GAP = 32  # px between strips; the noise is correlated over less


def field_of_view(image: np.ndarray) -> np.ndarray:
    """Pixels that are not part of a constant area."""
    flat = ndimage.maximum_filter(image, 5) == ndimage.minimum_filter(image, 5)
    return ~ndimage.binary_dilation(ndimage.binary_opening(flat, iterations=2), iterations=6)


def phases(image: np.ndarray, fov: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bright pixels, and the insides of the bright and of the dark areas (5 px from any edge)."""
    bright = ndimage.gaussian_filter(image.astype(float), 1.5) > threshold_otsu(image[fov])
    return (
        bright & fov,
        ndimage.binary_erosion(bright, iterations=5) & fov,
        ndimage.binary_erosion(~bright, iterations=5) & fov,
    )


def correlation_length(image: np.ndarray, mask: np.ndarray, axis: int) -> float:
    """Lag (px) at which the autocorrelation inside a mask falls to 1/e, interpolated."""
    values = np.where(mask, image - image[mask].mean(), 0.0)
    here, weight = np.moveaxis(values, axis, 0), np.moveaxis(mask.astype(float), axis, 0)
    curve = [(here[: len(here) - k] * here[k:]).sum() / (weight[: len(here) - k] * weight[k:]).sum() for k in range(40)]
    curve = np.array(curve) / curve[0]
    below = np.flatnonzero(curve < np.exp(-1))
    if not len(below):
        return 40.0
    k = below[0]
    return float(k - 1 + (curve[k - 1] - np.exp(-1)) / (curve[k - 1] - curve[k]))


def section_diameters(labels: np.ndarray) -> np.ndarray:
    """Equivalent diameters (px) of the labelled sections that the border does not cut."""
    inner = labels.copy()
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        inner[np.isin(labels, np.unique(edge))] = 0
    sizes = np.bincount(inner.ravel())[1:]
    return np.sqrt(4 / np.pi * sizes[sizes > 0])


def describe(image: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """Statistics of one slice."""
    image = image.astype(float)
    fov = field_of_view(image)
    bright, solid, matrix = phases(image, fov)
    found = {
        "bright share": bright.sum() / fov.sum(),
        "particle grey": image[solid].mean(),
        "particle SD": image[solid].std(),
        "matrix grey": image[matrix].mean(),
        "matrix SD": image[matrix].std(),
        "contrast to noise": (image[solid].mean() - image[matrix].mean())
        / np.sqrt((image[solid].var() + image[matrix].var()) / 2),
        "fine noise SD": (image - ndimage.gaussian_filter(image, 1))[solid].std(),
        "correlation y (px)": correlation_length(image, solid, 0),
        "correlation x (px)": correlation_length(image, solid, 1),
        "matrix corr. x (px)": correlation_length(image, matrix, 1),
    }
    if labels is not None:
        inside = ndimage.binary_erosion(labels > 0, iterations=3)
        level = (found["particle grey"] + found["matrix grey"]) / 2
        d = section_diameters(labels)
        found["cracked share"] = float((ndimage.gaussian_filter(image, 0.7) < level)[inside].mean())
        found |= {f"diameter P{q} (px)": float(np.percentile(d, q)) for q in (10, 50, 90)}
    return found


def patch_features(patch: np.ndarray) -> dict[str, float]:
    """Measure simple features of one patch: greys, edges, spectrum, texture."""
    p = patch.astype(float)
    f = {f"grey P{q}": float(np.percentile(p, q)) for q in (1, 5, 25, 50, 75, 95, 99)}
    f |= {"grey SD": p.std(), "skewness": float(stats.skew(p.ravel())), "kurtosis": float(stats.kurtosis(p.ravel()))}
    power = np.abs(np.fft.fftshift(np.fft.fft2((p - p.mean()) * np.outer(np.hanning(PATCH), np.hanning(PATCH))))) ** 2
    ky, kx = np.indices(p.shape) - PATCH // 2
    k = np.hypot(ky, kx)
    edges = np.geomspace(1.5, PATCH / 2, 10)
    for a, b in pairwise(edges):
        ring = (k >= a) & (k < b)
        f[f"power at {PATCH / np.sqrt(a * b):.1f} px"] = float(np.log(power[ring].mean()))
        along = ring & (np.abs(kx) > np.abs(ky))
        f[f"direction at {PATCH / np.sqrt(a * b):.1f} px"] = float(
            np.log(power[along].mean() / power[ring & ~along].mean())
        )
    slope = np.hypot(*np.gradient(ndimage.gaussian_filter(p, 1)))
    f |= {f"slope P{q}": float(np.percentile(slope, q)) for q in (50, 90, 98)}
    second = ndimage.gaussian_laplace(p, 1.5)
    f |= {
        "curvature skewness": float(stats.skew(second.ravel())),
        "curvature kurtosis": float(stats.kurtosis(second.ravel())),
    }
    bright = ndimage.gaussian_filter(p, 1.5) > threshold_otsu(patch)
    inner, outer = ndimage.binary_erosion(bright, iterations=4), ndimage.binary_erosion(~bright, iterations=4)
    f["bright share"] = float(bright.mean())
    f["edge length"] = float((bright ^ ndimage.binary_erosion(bright)).mean())
    f["dark specks"] = float((ndimage.binary_closing(bright, iterations=4) & ~bright).mean())
    for name, mask in (("particle", inner), ("matrix", outer)):
        f[f"{name} SD"] = float(p[mask].std()) if mask.sum() > 50 else 0.0
        f[f"{name} skewness"] = float(stats.skew(p[mask])) if mask.sum() > 50 else 0.0
    pattern = local_binary_pattern(patch, 8, 2, "uniform")
    f |= {
        f"local pattern {i}": float(v)
        for i, v in enumerate(np.bincount(pattern.astype(int).ravel(), minlength=10) / p.size)
    }
    return f


def cut(image: np.ndarray, step: int) -> list[tuple[int, int, np.ndarray]]:
    """Patches (y, x, pixels) that lie in the field of view, on a grid of ``step`` px."""
    fov = field_of_view(image)
    found = []
    for y in range(0, image.shape[0] - PATCH + 1, step):
        for x in range(0, image.shape[1] - PATCH + 1, step):
            if fov[y : y + PATCH, x : x + PATCH].mean() > 0.97:
                found.append((y, x, image[y : y + PATCH, x : x + PATCH]))
    return found


def tabulate(real: list[np.ndarray], simulated: list[list[np.ndarray]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Features of all patches, and for each patch (is real, side, which slice).

    Side 0 trains when side 1 tests: real slices are cut into strips that go to the two sides in turn, with a gap
    between them; simulated slices go to the sides in turn as wholes.
    """
    rows: list[dict[str, float]] = []
    kinds: list[tuple[int, int, int]] = []
    for which, (image, fakes) in enumerate(zip(real, simulated, strict=True)):
        bounds = np.linspace(0, image.shape[1], STRIPS + 1).astype(int)
        for strip, (low, high) in enumerate(pairwise(bounds)):
            inner = image[:, low + GAP // 2 : high - GAP // 2]
            for _, _, patch in cut(inner, 24):
                rows.append(patch_features(patch))
                kinds.append((1, strip % 2, which))
        for number, fake in enumerate(fakes):
            for _, _, patch in cut(fake, 64):
                rows.append(patch_features(patch))
                kinds.append((0, number % 2, which))
    names = list(rows[0])
    return names, np.array([[row[name] for name in names] for row in rows]), np.array(kinds)


def tell_apart(values: np.ndarray, kinds: np.ndarray, seed: int = 0) -> tuple[dict[str, list[float]], np.ndarray]:
    """Train and test the classifiers, both ways round.

    Returns
    -------
    auc : dict of str to list of float
        Area under the ROC curve for each classifier, one per (fold, slice).
    importance : numpy.ndarray
        Importance of each feature for the forest.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    is_real, side, which_slice = kinds.T
    auc: dict[str, list[float]] = {"random forest": [], "logistic regression": []}
    importance = np.zeros(values.shape[1])
    for test_side in (0, 1):
        train = side != test_side
        forest = RandomForestClassifier(300, min_samples_leaf=3, class_weight="balanced", random_state=seed, n_jobs=1)
        logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, class_weight="balanced", max_iter=2000))
        for name, model in (("random forest", forest), ("logistic regression", logistic)):
            model.fit(values[train], is_real[train])
            for which in np.unique(which_slice):
                test = ~train & (which_slice == which)
                auc[name].append(float(roc_auc_score(is_real[test], model.predict_proba(values[test])[:, 1])))
        importance += forest.feature_importances_ / 2
    return auc, importance


def print_telling(names: list[str], values: np.ndarray, kinds: np.ndarray, importance: np.ndarray) -> None:
    """Print the features that tell real from simulated, with their medians."""
    print("what tells them apart (importance; medians: fine real, simulated, coarse real, simulated):")
    for i in np.argsort(importance)[::-1][:14]:
        medians = [
            np.median(values[(kinds[:, 0] == real) & (kinds[:, 2] == which), i]) for which in (0, 1) for real in (1, 0)
        ]
        print(f"  {names[i]:24s}{importance[i]:6.3f}   " + "".join(f"{m:10.3f}" for m in medians))


def picture(real: np.ndarray, fake: np.ndarray, path: Path) -> None:
    """Real above, simulated below."""
    gap = np.full((8, real.shape[1]), 255, np.uint8)
    from skimage.io import imsave

    imsave(path, np.concatenate([real, gap, fake]), check_contrast=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", nargs=2, type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--labels", type=Path, help="labels of the first real slice")
    parser.add_argument("--slices", type=int, default=12, help="simulated slices of each kind")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    real = [tifffile.imread(path) for path in args.real]
    labels = [tifffile.imread(args.labels) if args.labels else None, None]
    simulated = []
    for which, (kind, image) in enumerate(zip(("fine", "coarse"), real, strict=True)):
        shape = (image.shape[0], image.shape[1])
        fakes = []
        for k in range(args.slices):
            rng = np.random.default_rng([7, which, k])
            fakes.append(simulate_slice(realistic(rng, shape, kind), rng))
        simulated.append([s.image[0] for s in fakes])
        picture(image, fakes[0].image[0], args.out / f"side_by_side_{kind}.png")
        here = describe(image, labels[which])
        there = [describe(s.image[0], s.labels[0]) for s in fakes[:6]]
        print(f"\n{kind}: {'':22s}{'real':>10s}{'simulated':>12s}{'(SD)':>9s}")
        for name in there[0]:
            column = np.array([t[name] for t in there])
            shown = f"{here[name]:10.2f}" if name in here else f"{'-':>10s}"
            print(f"{kind}: {name:22s}{shown}{column.mean():12.2f}{column.std():9.2f}")
        histogram(image, simulated[-1], args.out / f"histogram_{kind}.png")
    names, values, kinds = tabulate(real, simulated)
    auc, importance = tell_apart(values, kinds)
    print(f"\nreal or simulated, {PATCH} px patches ({kinds[:, 0].sum()} real, {(kinds[:, 0] == 0).sum()} simulated):")
    for name, each in auc.items():
        shown = ", ".join(f"{a:.2f}" for a in each)
        print(f"  {name}: AUC {np.mean(each):.3f} (fine and coarse, one fold, then the other: {shown})")
    print_telling(names, values, kinds, importance)


def histogram(real: np.ndarray, fakes: list[np.ndarray], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    bins = np.arange(0, 257, 4)
    axes.hist(real[field_of_view(real)], bins, density=True, histtype="step", label="real")
    axes.hist(
        np.concatenate([f[field_of_view(f)] for f in fakes]), bins, density=True, histtype="step", label="simulated"
    )
    axes.set(xlabel="grey", ylabel="share per grey level")
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
