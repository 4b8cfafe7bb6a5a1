"""Cost & Usage Reports: months delivered (manifests), what a file holds (columns, files), how it is kept (loading)."""
