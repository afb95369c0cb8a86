"""The local system: what `make run` starts, in one folder, on one range of ports."""
