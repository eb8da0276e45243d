"""The peer of `startup`: a Gradio page that says hello, which imports torch."""

import os
import sys

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
import torch

with gr.Blocks() as page:
    gr.Markdown(f"Hello from torch {torch.__version__}.")

page.launch(server_port=int(sys.argv[1]), quiet=True)
