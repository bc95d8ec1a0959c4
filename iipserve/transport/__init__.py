"""Transport: sockets, processes and signals around the application."""
