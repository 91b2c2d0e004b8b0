"""Files of named vectors, a format each, read as spaces."""
