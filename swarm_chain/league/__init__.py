"""The attack league: every aggregation rule against every attack, on the functions that nodes use."""
