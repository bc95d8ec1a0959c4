"""Engine: a plan in, finished bytes out."""
