"""Web Map Service 1.3.0 (OGC 06-042) and 1.1.1 (01-068r3)."""
