"""Drawn hearts: random short-axis stacks with their truth, from which networks learn anatomy."""
