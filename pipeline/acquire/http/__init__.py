"""Reading files of web servers."""
