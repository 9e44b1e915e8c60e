"""Files of web servers: by address, or as links of pages."""
