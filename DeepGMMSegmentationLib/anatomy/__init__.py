"""What networks taught by drawn hearts know of a ventricle: its place, its tissues, an infarct."""
