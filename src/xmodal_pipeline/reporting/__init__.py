"""Figures, tables and sentences by section of the report; the only place that knows matplotlib and plotly."""
