"""What the manifest names: readers, writers, sample data; and the link between layers and the session."""
