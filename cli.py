"""``python cli.py …`` is ``semsearch …``: the commands are in ``semsearch/cli/``."""

from semsearch.cli import main

if __name__ == "__main__":
    main()
