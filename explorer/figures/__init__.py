"""Results become Plotly figures. Pure functions: no torch, no Gradio, nothing read or written."""
