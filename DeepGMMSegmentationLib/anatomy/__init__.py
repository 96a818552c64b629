"""What networks taught by drawn hearts know of a ventricle: where it is, and its tissues."""
