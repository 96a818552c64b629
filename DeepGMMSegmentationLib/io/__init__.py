"""Images, tables and folders from and to files."""
