"""Collections over HTTP (extra ``server``): one ``backend``, and faces on top that speak what programs expect."""
