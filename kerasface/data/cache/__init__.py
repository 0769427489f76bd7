"""What was computed once from a file is not computed again."""
