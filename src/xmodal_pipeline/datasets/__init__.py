"""Kedro shells around the project's file formats; every save is whole or not at all."""
