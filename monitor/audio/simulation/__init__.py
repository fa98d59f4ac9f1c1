"""Machines synthesised from first principles: how they turn, what sounds, what can go wrong."""
