"""`python -m taper` is the command `taper`."""

from .cli import main

if __name__ == "__main__":
    main()
