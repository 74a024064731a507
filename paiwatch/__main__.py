"""`python -m paiwatch` is the `paiwatch` command."""

from paiwatch.cli import main

if __name__ == "__main__":
    main()
