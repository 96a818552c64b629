"""The parts of the Slicer module that the file DeepGMMSegmentation.py puts together."""
