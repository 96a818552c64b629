"""The module's self-test, run by pytest as Slicer's Reload and Test would."""

from DeepGMMSegmentation import DeepGMMSegmentationTest  # noqa: F401
