"""``python -m semsearch`` is ``semsearch``."""

from semsearch.cli import main

if __name__ == "__main__":
    main()
