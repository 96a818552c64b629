"""Clinical figures from a segmentation."""
