"""A relay: collects what nodes signed, over HTTP, and brings it to the chain in batches, at its own cost. Nobody has to trust it."""
