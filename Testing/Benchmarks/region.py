"""The left ventricle from one click: real bSSFP, its tissues too; synthetic hearts; off the map.

The network has seen neither: it was taught by drawings of another style. Real images are the two
Sunnybrook stacks (end-diastolic bSSFP, manual contours) of the shared data; without them that part
is skipped. Synthetic hearts are those of the library's sample.

    python Testing/Benchmarks/region.py --out region.csv --pictures region.png
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy import ndimage
from shared import machine, write_csv

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def dice(a, b) -> float:
    return float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))


def read(path: Path):
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    return sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]


def real_cases(data: Path) -> list[dict]:
    cases = []
    for folder in sorted((data / "sunnybrook").glob("SCD*")):
        image, spacing = read(folder / "bssfp.nii.gz")
        truth, blood = (read(folder / name)[0] for name in ("lv.nii.gz", "tissue.nii.gz"))
        cases.append(
            {
                "name": folder.name,
                "images": image[None].astype(float),
                "truth": truth > 0,
                "blood": blood == 1,
                "spacing": spacing,
                "roles": ("bSSFP",),
            }
        )
    return cases


def drawn_cases(count: int, roles: tuple[str, ...]) -> list[dict]:
    from DeepGMMSegmentationLib.hearts.sample import heart

    cases = []
    for seed in range(count):
        drawn = heart(seed)
        chosen = [drawn.roles.index(role) for role in roles]
        cases.append(
            {
                "name": f"synthetic {seed}",
                "images": drawn.images[chosen],
                "truth": drawn.roi,
                "blood": drawn.labels == 1,
                "spacing": drawn.spacing,
                "roles": roles,
            }
        )
    return cases


def middle(mask) -> np.ndarray:
    """Return the pixel of a slice's blood that lies deepest."""
    return np.array(np.unravel_index(ndimage.distance_transform_edt(mask).argmax(), mask.shape))


def trace(case: dict, point, network) -> np.ndarray:
    from DeepGMMSegmentationLib.anatomy.ventricle import find_region
    from DeepGMMSegmentationLib.errors import InvalidInput

    choices = {"spacing": case["spacing"][-len(point) :], "roles": case["roles"]}
    try:
        return find_region(case["images"], point, network=network, **choices)
    except InvalidInput:
        return np.zeros(case["images"].shape[1:], bool)


def one_click(case: dict, network) -> tuple[np.ndarray, float]:
    """Return the region from one click in the middle slice, and the seconds that it took."""
    slices = np.flatnonzero(case["blood"].any(axis=(1, 2)))
    z = int(slices[len(slices) // 2])
    began = time.perf_counter()
    region = trace(case, (z, *middle(case["blood"][z])), network)
    return region, time.perf_counter() - began


def a_click_a_slice(case: dict, network) -> np.ndarray:
    """Return the region from one click in every slice that holds blood, each slice alone."""
    region = np.zeros_like(case["truth"])
    for z in np.flatnonzero(case["truth"].any(axis=(1, 2))):
        inside = case["blood"][z] if case["blood"][z].any() else case["truth"][z]
        region[z] = trace({**case, "images": case["images"][:, z]}, middle(inside), network)
    return region


def changed(case: dict, change: str) -> dict:
    """Return a case as another scanner, or another hand, would have given it."""
    arrays = {"images": case["images"], "truth": case["truth"], "blood": case["blood"]}
    spacing = case["spacing"]
    if change == "turned by 35°":
        arrays = {
            name: ndimage.rotate(
                a.astype(float), 35, axes=(-1, -2), reshape=False, order=1, cval=float(a.min())
            )
            for name, a in arrays.items()
        }
    elif change == "cropped 8 mm around the heart":
        rows, columns = (np.flatnonzero(case["truth"].any(axis=axes)) for axes in ((0, 2), (0, 1)))
        m = round(8 / spacing[1])
        box = np.s_[
            ...,
            max(rows[0] - m, 0) : rows[-1] + m + 1,
            max(columns[0] - m, 0) : columns[-1] + m + 1,
        ]
        arrays = {name: a[box] for name, a in arrays.items()}
    elif change.startswith("pixels of"):
        factor = spacing[1] / float(change.split()[2])
        zoom = (1, factor, factor)
        arrays = {
            name: ndimage.zoom(
                ndimage.gaussian_filter(
                    a.astype(float), [0] * (a.ndim - 2) + [max(0, 0.4 / factor - 0.4)] * 2
                ),
                [1] * (a.ndim - 3) + list(zoom),
                order=1,
            )
            for name, a in arrays.items()
        }
        spacing = (spacing[0], spacing[1] / factor, spacing[2] / factor)
    elif change == "mirrored":
        arrays = {name: a[..., ::-1] for name, a in arrays.items()}
    elif change == "no spacing":
        spacing = (1.0, 1.0, 1.0)
    masks = {name: a > 0.5 for name, a in arrays.items() if name != "images"}
    return {**case, **masks, "images": np.asarray(arrays["images"], float), "spacing": spacing}


CHANGES = (
    "as it is",
    "turned by 35°",
    "cropped 8 mm around the heart",
    "pixels of 0.7 mm",
    "pixels of 2.5 mm",
    "mirrored",
    "no spacing",
)


def per_slice(case: dict, region: np.ndarray) -> list[float]:
    return [dice(a, b) for a, b in zip(region, case["truth"]) if a.any() or b.any()]


def row(group: str, how: str, values: list[float], beyond: float, seconds: float) -> dict:
    result = {
        "images": group,
        "how": how,
        "slices": len(values),
        "mean": round(float(np.mean(values)), 3),
        "median": round(float(np.median(values)), 3),
        "worst": round(min(values), 3),
        "stack": round(beyond, 3),
        "seconds": round(seconds, 2),
    }
    print("  ".join(f"{key} {value}" for key, value in result.items()), flush=True)
    return result


def measured(group: str, cases: list[dict], how: str, network) -> tuple[dict, list[np.ndarray]]:
    values, stacks, times, regions = [], [], [], []
    for case in cases:
        if how == "a click a slice":
            began = time.perf_counter()
            region = a_click_a_slice(case, network)
            seconds = time.perf_counter() - began
        else:
            region, seconds = one_click(case, network)
        values += per_slice(case, region)
        stacks.append(dice(region, case["truth"]))
        times.append(seconds)
        regions.append(region)
    return row(group, how, values, float(np.mean(stacks)), float(np.mean(times))), regions


def refused(data: Path, network) -> None:
    """Print what is said of a brain, clicked on in a grid of places in three slices."""
    from DeepGMMSegmentationLib.anatomy.ventricle import propose_point
    from DeepGMMSegmentationLib.errors import InvalidInput

    folder = data / "open_ms" / "patient19"
    for name in ("t1", "t2", "flair"):
        image, spacing = read(folder / f"{name}.nii.gz")
        case = {"images": image[None].astype(float), "spacing": spacing, "roles": ("bSSFP",)}
        points = [(z, y, x) for z in (3, 8, 13) for y in (60, 100, 140) for x in (60, 90, 120)]
        taken = sum(bool(trace(case, point, network).any()) for point in points)
        try:
            offer = f"offers {propose_point(case['images'], spacing, network=network)}"
        except InvalidInput:
            offer = "offers no point"
        print(f"brain {name}: {taken} of {len(points)} clicks taken for a ventricle; {offer}")


def divide(case: dict, region: np.ndarray) -> np.ndarray:
    """Return blood (1) and myocardium (2) in a region, by the preset."""
    from DeepGMMSegmentationLib import Settings, segment

    options = {"spacing": case["spacing"], "roles": case["roles"]}
    return segment(case["images"], region, Settings.infarct(case["roles"]), **options).labels


def tissues(case: dict, labels: np.ndarray, slices=slice(None)) -> tuple[float, float]:
    """Return the Dice of blood and myocardium, in all slices or some."""
    blood, inside, given = (a[slices] for a in (case["blood"], case["truth"], labels))
    return dice(given == 1, blood), dice(given == 2, inside & ~blood)


def draw(
    path: str, cases: list[dict], regions: list[np.ndarray], divided: list[np.ndarray]
) -> None:
    """Draw every slice twice: the region and the manual one, and the tissues in the region."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    columns = max(len(case["truth"]) for case in cases)
    figure = Figure(figsize=(1.5 * columns, 3.2 * len(cases)), layout="constrained")
    axes = figure.subplots(2 * len(cases), columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    rows = axes.reshape(-1, 2, columns)
    for (upper, lower), case, region, labels in zip(rows, cases, regions, divided):
        centre = np.argwhere(case["truth"])[:, 1:].mean(axis=0).round().astype(int)
        half = round(60 / case["spacing"][1])
        box = tuple(slice(max(c - half, 0), c + half) for c in centre)
        for z, image in enumerate(case["images"][0]):
            for axis in (upper[z], lower[z]):
                axis.imshow(image[box], cmap="gray", vmax=np.percentile(image[box], 99))
            for mask, colour in ((case["truth"][z], "lime"), (region[z], "red")):
                if mask[box].any():
                    upper[z].contour(mask[box], [0.5], colors=colour, linewidths=1)
            shown = np.ma.masked_equal(labels[z][box], 0)
            lower[z].imshow(
                shown, ListedColormap(["#D55E00", "#009E73"]), vmin=1, vmax=2, alpha=0.5
            )
            upper[z].set_title(f"region {dice(region[z], case['truth'][z]):.2f}", fontsize=7)
            blood, wall = tissues(case, labels, z)
            lower[z].set_title(f"blood {blood:.2f}, wall {wall:.2f}", fontsize=7)
    figure.suptitle(
        "Green: by hand; red: from one click; orange and teal: blood and wall in the latter. "
        + ", ".join(case["name"] for case in cases),
        fontsize=9,
    )
    figure.savefig(path, dpi=70)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="the shared data")
    parser.add_argument("--out", default="region.csv", help="the CSV to write")
    parser.add_argument("--pictures", default="region.png", help="the picture to write")
    parser.add_argument("--hearts", type=int, default=10, help="synthetic hearts")
    parser.add_argument("--network", type=Path, help="a network's file; the shipped one by default")
    parser.add_argument("--quick", action="store_true", help="only the real images as they are")
    arguments = parser.parse_args()
    network = arguments.network
    print(machine())
    rows, hows = [], ("one click", "a click a slice")
    real = real_cases(arguments.data)
    if real:
        regions = {}
        for how in hows:
            result, regions[how] = measured("Sunnybrook bSSFP", real, how, network)
            rows.append(result)
        by_hand = [divide(case, case["truth"]) for case in real]
        clicked = [divide(case, region) for case, region in zip(real, regions["one click"])]
        for name, divided in (("by hand", by_hand), ("from one click", clicked)):
            for case, labels in zip(real, divided):
                print(case["name"], f"region {name}: blood %.3f, wall %.3f" % tissues(case, labels))
        draw(arguments.pictures, real, regions["one click"], clicked)
    else:
        print(f"Sunnybrook is skipped: {arguments.data / 'sunnybrook'} is not there.")
    if not arguments.quick:
        for change in CHANGES[1:] if real else ():
            cases = [changed(case, change) for case in real]
            rows += [measured(f"Sunnybrook, {change}", cases, how, network)[0] for how in hows]
        for roles in (("LGE",), ("T2",), ("bSSFP",), ("LGE", "T2", "bSSFP")):
            cases = drawn_cases(arguments.hearts, roles)
            group = f"synthetic {'+'.join(roles)}"
            rows += [measured(group, cases, how, network)[0] for how in hows]
        if (arguments.data / "open_ms").exists():
            refused(arguments.data, network)
        else:
            print(f"The brain is skipped: {arguments.data / 'open_ms'} is not there.")
    if rows:
        write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
