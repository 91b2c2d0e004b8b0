"""What is derived from passages beside their vectors: kinds of segments, how they are read, and how renewed."""
