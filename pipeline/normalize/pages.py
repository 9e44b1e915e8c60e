"""From a record whose text is a web page to one whose text is what the page says."""

from dataclasses import replace

from pipeline.normalize.checks import refuse
from pipeline.normalize.extract import TooDeepError, read_page
from pipeline.normalize.record import Extraction, Record, Refusal


def extract_page(record: Record, extraction: Extraction) -> Record | Refusal:
    """Return the record with the page's text; its title and address where it has none itself."""
    try:
        page = read_page(record.text, extraction)
    except UnicodeEncodeError as error:
        return refuse(record, "bad_unicode", f"not valid Unicode: {error.reason}")
    except TooDeepError as error:
        return refuse(record, "too_deep", str(error))
    if not page.text:
        return refuse(record, "no_main_text", f"{extraction} of the page is empty")
    title = {"title": page.title} if page.title else {}
    return replace(
        record,
        text=page.text,
        url=record.url or page.canonical_url,
        metadata={**title, **record.metadata},
        is_page=False,
    )
