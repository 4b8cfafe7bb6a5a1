"""What a language model may ask: one catalogue of tools over `app.queries`, for MCP and for the assistant alike."""

from app.tools.calling import call_tool
from app.tools.catalogue import TOOLS, Tool

__all__ = ["TOOLS", "Tool", "call_tool"]
