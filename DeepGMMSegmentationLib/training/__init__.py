"""What is learned from many cases."""
