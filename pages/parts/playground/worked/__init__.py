"""Topics of the playground that are worked out by hand, number by number."""
