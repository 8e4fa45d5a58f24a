"""What runs inside an enclave."""
