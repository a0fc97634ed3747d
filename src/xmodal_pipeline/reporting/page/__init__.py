"""The one file that holds all sections."""
