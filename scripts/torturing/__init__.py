"""The server under disturbance: clients that know the right answers, and what is done to it meanwhile."""
