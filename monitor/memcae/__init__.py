"""The model of one machine's normal sound, and the fleet that scores many machines."""
