"""Questions to a collection: requests, retrieval and the stages behind it, analogies over passages, comparisons."""
