"""A git repository: fetched, listed and read by object id. The only room that knows GitPython."""
