"""The enclaves that this node runs as a service, for the companies of a job."""
