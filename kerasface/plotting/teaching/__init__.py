"""What the playground works out, drawn: planes, curves, networks, paths."""
