"""Pictures with masks: read, brought onto one canvas, augmented, batched."""
