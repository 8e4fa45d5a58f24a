"""A study: who computes what on whose files, said in one file, judged before anything starts, told in one report."""
