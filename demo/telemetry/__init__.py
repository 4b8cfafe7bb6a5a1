"""The truth behind CloudWatch: every metric's samples, made from latent demand and background load."""
