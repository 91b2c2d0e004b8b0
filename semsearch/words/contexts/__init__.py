"""Words in the contexts that a collection has them in: where one is used in a sense, and which senses it has."""
