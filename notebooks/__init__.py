"""Reports as notebooks: jupytext percent scripts, opened by `jupyter lab`, rendered by `python -m notebooks.render`."""
