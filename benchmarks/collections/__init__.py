"""What a user waits for, and what a collection survives."""
