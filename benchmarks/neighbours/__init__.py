"""Speed, recall, build and memory of the index, beside peers."""
