"""A trainer node: its keys and journal, one module a duty, and the daemon that wires them."""
