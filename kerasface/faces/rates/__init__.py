"""Error rates that ship or are one's own: thresholds, cohorts, and what was measured at them."""
