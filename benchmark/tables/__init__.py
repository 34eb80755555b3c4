"""Result files as Markdown: each module makes the parts of the documents that hold its figures."""
