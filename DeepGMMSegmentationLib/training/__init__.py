"""Networks that many cases, or many drawings, have taught."""
