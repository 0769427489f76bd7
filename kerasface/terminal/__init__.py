"""What the command lines share: words, errors, streams, progress."""
