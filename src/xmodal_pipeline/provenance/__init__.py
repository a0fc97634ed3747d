"""What made each output: recorded beside it, and compared with the settings and files of now."""
