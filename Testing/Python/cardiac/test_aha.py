"""AHA segments and chords against analytic ventricles drawn in physical space."""

import numpy as np
import pytest
import SimpleITK as sitk

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.aha import NAMES, insertion_index, measure_segments
from DeepGMMSegmentationLib.cardiac.chords import measure_chords, outline_ventricle
from DeepGMMSegmentationLib.hearts.sample import heart as synthetic_heart
from DeepGMMSegmentationLib.report.bullseye import draw_bullseye

TISSUES = ("blood pool", "healthy myocardium", "edema", "scar")
BLOOD, HEALTHY, EDEMA, SCAR = 1, 2, 3, 4
SPACING = (8.0, 0.5, 0.6)
SHAPE = (12, 121, 101)

# A heart as it lies in a patient (LPS): the long axis runs from the base to the left, to the front
# and down; the front wall faces up and forwards; the septum is on the patient's right.
TO_APEX = np.array([1.0, -1.0, -1.0]) / np.sqrt(3)
ANTERIOR = np.array([0.0, -1.0, 1.0]) / np.sqrt(2)
RIGHT_OF_PATIENT = np.array([-1.0, 0.0, 0.0])
SEPTAL = RIGHT_OF_PATIENT - (RIGHT_OF_PATIENT @ TO_APEX) * TO_APEX
SEPTAL /= np.linalg.norm(SEPTAL)


class Heart:
    """A tapering ventricle on a short-axis grid; slices 2…10 from the base, the last two solid.

    Angles are about the long axis from the anterior wall over the septum, made by dot products
    with anatomical directions only.
    """

    def __init__(self, apex_first=False, mirrored=False, roll=0.3):
        normal = -TO_APEX if apex_first else TO_APEX
        column = np.cos(roll) * ANTERIOR + np.sin(roll) * SEPTAL
        row = np.cross(normal, column) * (-1 if mirrored else 1)
        self.image = sitk.Image(SHAPE[::-1], sitk.sitkUInt8)
        self.image.SetSpacing(SPACING[::-1])
        self.image.SetOrigin((12.0, -30.0, 45.0))
        self.image.SetDirection(np.stack([column, row, normal], axis=1).ravel().tolist())
        z, y, x = np.indices(SHAPE)
        middle = [(n - 1) / 2 for n in SHAPE[::-1]]
        self.center = np.array(self.image.TransformContinuousIndexToPhysicalPoint(middle))
        points = np.stack([x - middle[0], y - middle[1], z - middle[2]], axis=-1)
        points = points * SPACING[::-1] @ np.stack([column, row, normal])
        self.level = np.rint(points @ TO_APEX / SPACING[0] + (SHAPE[0] - 1) / 2).astype(int)
        up, left = points @ ANTERIOR, points @ SEPTAL
        self.angle = np.degrees(np.arctan2(left, up)) % 360
        self.radius = np.hypot(up, left)
        self.outer = 22.0 - 0.5 * self.level
        self.inner = np.where(self.level <= 8, self.outer - 10.0, 0.0)
        inside = (self.radius < self.outer) & (self.level >= 0) & (self.level <= 10)
        self.labels = np.where(inside, np.where(self.radius < self.inner, BLOOD, HEALTHY), 0)
        self.labels = self.labels.astype(np.uint8)
        self.depth = (self.radius - self.inner) / (self.outer - self.inner)

    def paint(self, tissue, levels, degrees, depth=(0.0, 1.0)):
        turned = (self.angle - degrees[0]) % 360 <= degrees[1] - degrees[0]
        here = turned & np.isin(self.level, levels) & (self.labels > BLOOD)
        self.labels[here & (self.depth >= depth[0]) & (self.depth <= depth[1])] = tissue

    def insertion(self, degrees=30.0, level=4):
        """Return the point between the anterior and the septal wall, on the epicardium."""
        direction = np.cos(np.radians(degrees)) * ANTERIOR + np.sin(np.radians(degrees)) * SEPTAL
        along = (level - (SHAPE[0] - 1) / 2) * SPACING[0] * TO_APEX
        return self.center + along + 20.0 * direction

    def measure(self, **options):
        index, mirrored = insertion_index(self.insertion(**options), self.image)
        return measure_segments(self.labels, TISSUES, SPACING, index, mirrored)


@pytest.mark.parametrize("apex_first", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("roll", [0.0, 1.9, -2.5])
def test_a_septal_scar_is_septal_however_the_image_lies(apex_first, mirrored, roll):
    heart = Heart(apex_first, mirrored, roll)
    heart.paint(SCAR, [3, 4, 5], (60, 120))  # the inner half of the septum's 30° to 150°
    heart.paint(EDEMA, [0, 1, 2], (300, 330))  # lateral half of the anterolateral wall, basal
    aha = heart.measure()
    assert aha.apex_first is apex_first
    by_name = {segment.name: segment for segment in aha.segments}
    assert by_name["mid anteroseptal"].infarct_percent == pytest.approx(50, abs=1.5)
    assert by_name["mid inferoseptal"].infarct_percent == pytest.approx(50, abs=1.5)
    assert by_name["basal anterolateral"].edema_percent == pytest.approx(50, abs=1.5)
    others = set(NAMES) - {"mid anteroseptal", "mid inferoseptal", "basal anterolateral"}
    for name in others:
        assert by_name[name].infarct_percent == 0
        assert by_name[name].edema_percent == 0


def test_every_sector_has_its_extent():
    """One scar per sector of each ring, alone in its segment and filling it."""
    for ring, levels in enumerate(([0, 1, 2], [3, 4, 5])):
        for sector in range(6):
            heart = Heart()
            start = -30 + 60 * sector  # the anterior wall is centered at 0°
            heart.paint(SCAR, levels, (start, start + 60))
            infarct = [segment.infarct_percent for segment in heart.measure().segments]
            number = 6 * ring + sector
            assert infarct[number] > 97
            assert sum(infarct) - infarct[number] < 3
    for sector in range(4):
        heart = Heart()
        start = -45 + 90 * sector
        heart.paint(SCAR, [6, 7, 8], (start, start + 90))
        infarct = [segment.infarct_percent for segment in heart.measure().segments]
        assert infarct[12 + sector] > 97
        assert sum(infarct) - infarct[12 + sector] < 3


def test_the_wall_beyond_the_cavity_is_segment_17():
    heart = Heart()
    heart.paint(SCAR, [9], (0, 360))
    apex = heart.measure().segments[16]
    areas = [np.count_nonzero((heart.level == z) & (heart.labels > 0)) for z in (9, 10)]
    assert apex.voxels == sum(areas)
    assert apex.infarct_percent == pytest.approx(100 * areas[0] / sum(areas))
    assert apex.mean_transmurality is None


def test_segments_hold_every_wall_voxel_once():
    heart = Heart(roll=1.0)
    heart.paint(SCAR, [2, 3, 4, 6, 9], (20, 200), (0, 0.6))
    segments = heart.measure().segments
    assert sum(s.voxels for s in segments) == np.count_nonzero(heart.labels > BLOOD)
    scar = sum(s.voxels * s.infarct_percent / 100 for s in segments)
    assert scar == pytest.approx(np.count_nonzero(heart.labels == SCAR))


@pytest.mark.parametrize("transmurality", [0.25, 0.5, 0.75, 1.0])
def test_transmurality_of_a_ring_is_its_thickness(transmurality):
    heart = Heart()
    heart.paint(SCAR, [3, 4, 5], (30, 90), (0, transmurality))
    segment = heart.measure().segments[7]  # mid anteroseptal
    assert segment.mean_transmurality == pytest.approx(100 * transmurality, abs=3)
    assert segment.max_transmurality == pytest.approx(100 * transmurality, abs=7)
    assert heart.measure().segments[9].mean_transmurality == 0


@pytest.mark.parametrize("transmurality", [0.3, 0.75])
def test_the_transmurality_of_a_synthetic_heart_comes_back(transmurality):
    # The middle of its infarct is that deep; a pixel is 0.13 to 0.18 of its wall.
    drawn = synthetic_heart(0, transmurality=transmurality)
    outline = outline_ventricle(drawn.labels, drawn.tissues, drawn.spacing)
    deep = measure_chords(drawn.labels, drawn.tissues, drawn.spacing, outline).transmurality
    assert deep.max() == pytest.approx(transmurality, abs=0.13)


def test_mean_transmurality_is_over_all_chords_of_the_segment():
    heart = Heart()
    heart.paint(SCAR, [3, 4, 5], (30, 60), (0, 0.8))
    heart.paint(SCAR, [3, 4, 5], (60, 75), (0, 0.4))  # and 75° to 90° stay healthy
    segment = heart.measure().segments[7]
    assert segment.mean_transmurality == pytest.approx(100 * (2 * 0.8 + 0.4) / 4, abs=3)
    assert segment.max_transmurality == pytest.approx(80, abs=7)


def test_a_sliver_of_scar_is_no_transmural_infarct():
    heart = Heart()
    heart.paint(SCAR, [4], (58, 61), (0, 0.76))
    segment = heart.measure().segments[7]
    assert 0 < segment.mean_transmurality < 3
    assert segment.extent == "1–25 %"
    assert segment.max_transmurality > 60


@pytest.mark.parametrize(
    ("depth", "extent", "viable"),
    [
        (-1, "0 %", 16),
        (0.15, "1–25 %", 16),
        (0.4, "26–50 %", 16),
        (0.65, "51–75 %", 14),
        (1, "76–100 %", 14),
    ],
)
def test_extents_are_in_classes_and_viable_segments_are_counted(depth, extent, viable):
    heart = Heart()
    heart.paint(SCAR, [3, 4, 5], (30, 150), (0, depth))
    aha = heart.measure()
    assert [s.extent for s in aha.segments[7:9]] == [extent] * 2
    assert {s.extent for s in aha.segments[:6]} == {"0 %"}
    assert aha.segments[16].extent is None
    assert (aha.viable, aha.judged) == (viable, 16)


def test_chords_measure_thickness_and_depth():
    heart = Heart()
    heart.paint(SCAR, [4], (0, 90), (0.0, 0.5))
    heart.paint(SCAR, [5], (0, 90), (0.5, 1.0))
    lines = measure_chords(
        heart.labels, TISSUES, SPACING, outline_ventricle(heart.labels, TISSUES, SPACING)
    )
    assert len(lines.slices) == 9 * 360
    assert lines.thickness.mean() == pytest.approx(10.0, abs=0.1)
    assert np.abs(lines.thickness - 10.0).max() < 1.0
    hit = lines.transmurality > 0.1
    inner, outer = hit & (lines.slices == 4), hit & (lines.slices == 5)
    assert inner.sum() == pytest.approx(90, abs=2)
    assert lines.subendocardial[inner].all()
    assert not lines.subendocardial[outer].any()


def test_papillary_muscles_belong_to_the_cavity():
    heart = Heart()
    clean = outline_ventricle(heart.labels, TISSUES, SPACING)
    center = heart.center + 3.0 * ANTERIOR - 0.5 * SPACING[0] * TO_APEX
    z, y, x = (round(i) for i in insertion_index(center, heart.image)[0])
    heart.labels[z, y - 2 : y + 3, x - 2 : x + 3] = HEALTHY
    assert (outline_ventricle(heart.labels, TISSUES, SPACING).cavity == clean.cavity).all()


def test_a_wall_without_blood_has_its_hole_as_cavity():
    heart = Heart()
    whole = outline_ventricle(heart.labels, TISSUES, SPACING)
    heart.labels[heart.labels == BLOOD] = 0
    hollow = outline_ventricle(heart.labels, TISSUES, SPACING)
    assert (hollow.inside == whole.inside).all()
    assert (hollow.cavity == whole.cavity).all()


def test_without_an_insertion_point_there_are_thirds_and_the_report_says_so():
    heart = Heart()
    heart.paint(SCAR, [0, 1, 2], (0, 360), (0, 0.5))
    aha = measure_segments(heart.labels, TISSUES, SPACING)
    assert [s.name for s in aha.segments] == ["basal third", "mid third", "apical third", "apex"]
    assert all(s.number is None for s in aha.segments)
    assert aha.segments[0].mean_transmurality == pytest.approx(50, abs=3)
    assert aha.segments[1].infarct_percent == 0
    assert any("No RV-insertion point" in note for note in aha.notes)


def test_a_scar_class_that_is_not_there_is_none():
    heart = Heart()
    aha = measure_segments(heart.labels, ("blood pool", "healthy myocardium"), SPACING)
    assert all(s.infarct_percent is None and s.mean_transmurality is None for s in aha.segments)


def test_missing_parts_of_the_ventricle_are_named():
    heart = Heart()
    heart.labels[heart.level > 8] = 0
    aha = heart.measure()
    assert aha.segments[16].infarct_percent is None
    assert "The slices do not cover: apex." in aha.notes


def test_a_ventricle_that_does_not_taper_is_noted():
    labels = np.zeros((6, 40, 40), np.uint8)
    y, x = np.indices((40, 40)) - 19.5
    labels[:, np.hypot(x, y) < 15] = HEALTHY
    labels[:, np.hypot(x, y) < 8] = BLOOD
    assert any(
        "hardly tapers" in text
        for text in measure_segments(labels, TISSUES, (8.0, 1.0, 1.0)).warnings
    )


def test_slices_across_the_axis_are_noted():
    labels = np.zeros((10, 60, 60), np.uint8)
    for z in range(10):
        y, x = np.indices((60, 60)) - np.array([20 + 2 * z, 30])[:, None, None]
        labels[z, np.hypot(x, y) < 15 - z] = HEALTHY
        labels[z, np.hypot(x, y) < 3] = BLOOD
    straight = measure_segments(labels, TISSUES, (8.0, 1.0, 1.0))
    oblique = measure_segments(
        labels, TISSUES, (2.0, 1.0, 1.0)
    )  # 2 mm sideways per 2 mm along: 45°
    assert not any("short-axis" in text for text in straight.warnings)
    assert any("45°" in text for text in oblique.warnings)


@pytest.mark.parametrize(
    ("insertion", "text"),
    [
        ((-3, 50, 50), "outside the slices"),
        ((11, 50, 50), "outside the slices"),  # a slice without labels
        ((40, 50, 50), "outside the slices"),
        ((np.nan, 50, 50), "outside the slices"),
        ((4, 60, 50), "center"),
        ((4, 60, 400), "more than 100 mm from the center"),
        ((4, 1e300, 50), "more than 100 mm from the center"),
    ],
)
def test_a_misplaced_insertion_point_is_refused(insertion, text):
    with pytest.raises(InvalidInput, match=text):
        measure_segments(Heart().labels, TISSUES, SPACING, insertion)


def test_too_few_slices_or_no_wall_are_refused():
    labels = np.zeros((5, 20, 20), np.uint8)
    labels[:2, 5:15, 5:15] = HEALTHY
    with pytest.raises(InvalidInput, match="three"):
        measure_segments(labels, TISSUES, SPACING)
    labels[:] = BLOOD
    with pytest.raises(InvalidInput, match="No wall"):
        measure_segments(labels, TISSUES, SPACING)


def test_the_bullseye_draws_each_value_where_it_belongs():
    heart = Heart()
    heart.paint(SCAR, [3, 4, 5], (60, 120))
    heart.labels[heart.level > 8] = 0
    aha = heart.measure()
    figure = draw_bullseye(aha.segments)
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles[0] == "Infarct, % of segment"
    ax = figure.axes[0]
    assert len(ax.patches) == 17
    septal = ax.patches[7]  # mid anteroseptal: from 120° to 180°, in the upper left
    assert (septal.theta1, septal.theta2, septal.r) == (120, 180, 0.74)
    assert septal.get_facecolor() != ax.patches[0].get_facecolor()
    assert ax.patches[16].get_hatch()  # no apex, so no value
    written = {text.get_text() for text in ax.texts}
    assert {f"{aha.segments[7].infarct_percent:.0f}", "17", "Septal"} <= written


def test_the_bullseye_of_thirds_has_whole_rings():
    figure = draw_bullseye(measure_segments(Heart().labels, TISSUES, SPACING).segments)
    ax = figure.axes[0]
    assert [p.theta2 - p.theta1 for p in ax.patches] == [360] * 4
    assert "mid third" in {text.get_text() for text in ax.texts}
