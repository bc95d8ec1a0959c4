"""Why an image is slow: from how its file stores it, and how long parts of it took to decode, to findings with advice."""
