"""What builds the site beside Sphinx: pages made from declarations, from docstrings and from the command's help."""
