"""The rules, as pure functions: no input or output, no clock, no torch. Byte by byte in ``docs/specification.md``."""
