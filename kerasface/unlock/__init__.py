"""Unlocking by face: a challenge answered before the camera, counted attempts, and the commands and pages on top."""
