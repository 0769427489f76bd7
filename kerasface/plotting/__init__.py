"""Records to plotly figures, for reports and pages alike."""
