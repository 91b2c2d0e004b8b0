"""Looking after a collection: verify, repair, re-encode, carry elsewhere, describe."""
