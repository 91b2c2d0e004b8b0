"""What all benchmarks share: texts, processes, results, tables."""
