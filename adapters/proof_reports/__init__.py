"""A proof's report as files: JSON, JUnit XML, and one page of HTML."""

from adapters.proof_reports.data import as_json, as_junit
from adapters.proof_reports.page import as_html

__all__ = ["as_html", "as_json", "as_junit"]
