"""Tools that look at a model from outside."""

from backprop.inspection.summary import summary

__all__ = ["summary"]
