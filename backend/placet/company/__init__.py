"""A company that has documents compared: a party of a job without rows and without an API, for as long as the job."""
