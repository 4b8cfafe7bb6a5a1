"""The hidden truth about an account: what each thing is, what leaving it out would save, and the best commitment."""
