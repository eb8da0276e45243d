"""What papers published: figures as data files, and their loader."""

from explorer.papers.loader import Paper, PublishedFigure, all_figures, papers, published

__all__ = ["Paper", "PublishedFigure", "all_figures", "papers", "published"]
