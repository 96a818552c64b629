"""Endo- and epicardial contours as closed curves that 3D Slicer loads."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from ..cardiac.chords import outline_ventricle
from ..cardiac.sizes import WALL

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/"
    "Schema/markups-schema-v1.0.3.json#"
)
POINTS = 48  # of a contour: 3 to 4 mm apart
COLORS = {"epicardium": (0.0, 0.62, 0.45), "endocardium": (0.84, 0.37, 0.0), "region": (1, 1, 0)}


def contours_json(labels: np.ndarray, tissues: Sequence[str], reference: sitk.Image) -> str:
    """Return the contours of every slice as text in Slicer's Markups JSON format.

    Curves are called "epicardium 1" …, by their slice counted from 1; where no wall tissue is
    named there is the outline of the region alone. Source: markups-schema-v1.0.3.json in 3D Slicer.

    Parameters
    ----------
    labels : ndarray of integers, shape ``(Z, Y, X)``
        0 outside the region, ``i + 1`` where ``tissues[i]`` is.
    tissues : sequence of str
        The K names.
    reference : SimpleITK.Image
        The image on whose grid they are.
    """
    outline = outline_ventricle(labels, tissues, reference.GetSpacing()[::-1])
    areas = {"region": outline.inside}
    if set(tissues) & set(WALL):
        areas = {"epicardium": outline.inside, "endocardium": outline.cavity}
    markups = [
        _curve(name, z, plane, reference)
        for name, area in areas.items()
        for z, plane in enumerate(area)
        if plane.any()
    ]
    return json.dumps({"@schema": SCHEMA, "markups": markups}, indent=1)


def trace(area: np.ndarray) -> np.ndarray:
    """Return the outer border of a slice's area as points (x, y) in pixels, evenly spaced.

    Parameters
    ----------
    area : ndarray of bool, shape ``(Y, X)``
        Not empty.

    Returns
    -------
    ndarray of float64, shape ``(POINTS, 2)``
        The last point is a step before the first.
    """
    from contourpy import contour_generator

    lines = map(np.asarray, contour_generator(z=np.pad(area, 1).astype(float)).lines(0.5))
    line = max(lines, key=len) - 1
    length = np.append(0, np.hypot(*np.diff(line, axis=0).T).cumsum())
    places = np.arange(POINTS) * length[-1] / POINTS
    return np.stack([np.interp(places, length, axis) for axis in line.T], axis=1)


def _curve(name: str, z: int, area: np.ndarray, reference: sitk.Image) -> dict[str, object]:
    points = (
        reference.TransformContinuousIndexToPhysicalPoint([float(x), float(y), float(z)])
        for x, y in trace(area)
    )
    color = COLORS[name]
    return {
        "type": "ClosedCurve",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "name": f"{name} {z + 1}",
        "controlPoints": [
            {"id": str(i), "label": str(i), "position": point, "positionStatus": "defined"}
            for i, point in enumerate(points, 1)
        ],
        "display": {
            "color": color,
            "selectedColor": color,
            "propertiesLabelVisibility": False,
            "pointLabelsVisibility": False,
            "glyphScale": 0.5,
        },
    }
