"""Typed parameters, one file per `conf/base/parameters_<stage>.yml`."""
