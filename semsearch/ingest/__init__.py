"""From files to documents, and from a document's text to the spans that become passages."""
