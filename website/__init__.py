"""What makes a site of the documents: hooks of MkDocs and an extension of griffe. Not part of the package."""
