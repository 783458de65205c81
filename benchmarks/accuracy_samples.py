"""How well a whole run finds the particles of the samples, and what it takes for the drivers of damage.

``python benchmarks/accuracy_samples.py [NAME …]``

AP is the average precision TP / (TP + FP + FN) of the final labels against the simulator's truth.
"""

import argparse
import time

from napari_cathode import pipeline
from napari_cathode.identify import match
from napari_cathode.simulate import samples
from napari_cathode.tomogram import Tomogram


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(samples.SAMPLES))
    for name in parser.parse_args().names:
        truth = samples.load_sample(name)
        start = time.process_time()
        result = pipeline.run(Tomogram(truth.image, truth.spacing_um, name))
        spent = time.process_time() - start
        print(f"{name}: {truth.labels.max()} true, {len(result.table)} found, {spent:.1f} CPU s")
        for iou in (0.5, 0.7):
            found = match(truth.labels, result.labels, iou)
            wrong = found.false_positives + found.false_negatives
            precision = found.true_positives / (found.true_positives + wrong)
            print(f"  IoU {iou}: AP {precision:.3f}, F1 {found.f1:.3f}, mean matched IoU {found.mean_iou:.3f}")
        if result.explanation is None:
            print(f"  {result.not_explained}")
            continue
        shares = result.explanation.importance.head(6)
        drivers = ", ".join(f"{row.feature} {row.share:.2f}" for row in shares.itertuples())
        print(f"  R² {result.explanation.scores['r2_mean']:.2f}: {drivers}")


if __name__ == "__main__":
    main()
