"""The command line: one module a command family. The only reader of settings, and with ``node/daemon.py`` the only place that wires."""
