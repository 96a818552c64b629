"""The codes of a drawn left ventricle; those of what lies around it follow in `surroundings`."""

BACKGROUND, BLOOD, HEALTHY, EDEMA, SCAR, NO_REFLOW, PAPILLARY = range(7)
