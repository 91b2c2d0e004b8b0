"""What a collection has, without a question: near-duplicates, clusters, outliers."""
