"""Purges: what is known of them, who may ask for them, and what they do."""
