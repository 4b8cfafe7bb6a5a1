"""What exists, as the services describe it: state, size, attachments, names."""
