"""What exists and what is brought to it: accounts, resources, latent demand, labels. Knows no price, bill or metric."""
