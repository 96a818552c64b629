"""What networks taught by drawn hearts know of the ventricle: its place, its tissues, an infarct."""
