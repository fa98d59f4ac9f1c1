"""Sound comes in: sources, resampling, windows, recordings, simulated machines."""
