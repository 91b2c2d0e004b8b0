"""What lies near what among the rows of a collection: pure functions over vectors."""
