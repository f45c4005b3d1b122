"""Spansets decided on columns of whole traces. Knows the plan and numpy; no engine, no language."""
