"""What AWS asks: products, list prices, tiers, free tiers, and the rates of commitments. Knows nothing of any rule."""
