"""The running thing: sources, inference, the daemon, systemd, replay."""
