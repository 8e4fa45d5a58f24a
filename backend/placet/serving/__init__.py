"""HTTP servers of this project: whose places nobody can keep by saying nothing."""
