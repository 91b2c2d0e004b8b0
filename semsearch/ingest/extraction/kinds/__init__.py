"""Files that are not text, a kind a module: ``extract`` makes parts of the bytes of one file."""
