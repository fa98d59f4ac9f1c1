"""Offline: normal recordings to a model and its calibration, and scores of recordings."""
