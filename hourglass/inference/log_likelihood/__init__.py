"""log p(x), with the codes integrated out: estimates of it, and what its bound is made of."""
