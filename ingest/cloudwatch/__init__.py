"""CloudWatch: what to collect (catalog), what reports (discovery), what it said (collection), kept (loading)."""
