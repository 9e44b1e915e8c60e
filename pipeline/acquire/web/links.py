"""The files that index pages link to.

Reads a page's HTML, as a server's directory listing or a person wrote it. Always true: a link leads
to the page's own host, below the page's own folder, and has no query: what sorts a listing or logs
out is not followed.
"""

from collections.abc import Iterator
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from lxml import etree, html

from pipeline.errors import InputError


def page_folder(address: str) -> str:
    """Return the folder that a page lists, with a slash at its end.

    Servers lead from a folder's name without the slash to that with it; so the last part of an
    address is taken for a folder unless it has a dot.
    """
    bare = urlsplit(address)._replace(query="", fragment="")
    folder, _, last = bare.path.rpartition("/")
    path = f"{bare.path}/" if last and "." not in last else f"{folder}/"
    return bare._replace(path=path).geturl()


def links_of(content: bytes, address: str) -> Iterator[str]:
    """Yield the addresses of the files below its folder that a page links to, as they come.

    Raises InputError where the content is no page.
    """
    folder = page_folder(address)
    try:
        page = html.document_fromstring(content)
    except (etree.ParserError, ValueError):
        raise InputError(f"{address}: is no page with links; correct the address") from None
    base = urljoin(folder, next(iter(page.xpath("//base/@href")), ""))
    for link in page.xpath("//a/@href"):
        if target := _file_below(folder, base, str(link).strip()):
            yield target


def _file_below(folder: str, base: str, link: str) -> str | None:
    """Return the address of the file that a link leads to, if it is one that counts."""
    try:
        target = urldefrag(urljoin(base, link)).url
        path = unquote(urlsplit(target).path)
    except ValueError:
        return None
    is_file = "?" not in target and not path.endswith("/") and ".." not in path.split("/")
    return target if is_file and target.startswith(folder) else None
