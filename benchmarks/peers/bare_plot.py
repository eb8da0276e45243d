"""The peer of `first_chart`: a bare Gradio page with one plot, which imports torch."""

import os
import sys

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
import plotly.graph_objects as go
import torch

with gr.Blocks() as page:
    gr.Plot(go.Figure(go.Bar(y=torch.arange(10).tolist())))

page.launch(server_port=int(sys.argv[1]), quiet=True)
