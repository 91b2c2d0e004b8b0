"""The fields of documents as columns: their values by type, for filters that look at millions of documents."""
