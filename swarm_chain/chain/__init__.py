"""The chain as the rest of the program sees it: one module a contract, typed events, one place that sends transactions."""
