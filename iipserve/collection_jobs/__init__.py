"""Work on collections that takes longer than a request: it is the same from the command line and, as jobs, over HTTP."""
