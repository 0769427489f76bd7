"""`python -m kerasface`: the command line."""

from kerasface.cli import main

if __name__ == "__main__":
    main()
