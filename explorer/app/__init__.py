"""The web app. Everything that knows Gradio is in here."""

import os

# Before gradio is imported: it would call home otherwise.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
