"""The module's self-test, on real MRML and real Qt."""

import SlicerHost

SlicerHost.start()

from DeepGMMSegmentation import DeepGMMSegmentationTest  # noqa: E402, F401  collected by pytest
