"""The tables of the database, one module each: all that is known of a table stands there."""
