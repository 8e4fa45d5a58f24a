"""What runs inside the simulated platform's sandbox, and nothing else does."""
