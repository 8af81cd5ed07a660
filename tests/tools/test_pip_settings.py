from __future__ import annotations

import pytest

from tools.pip_settings import translated


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("", {}),
        ("global.index-url='http://mirror/simple'", {"UV_INDEX_URL": "http://mirror/simple"}),
        ("global.find-links='/a /b'", {"UV_FIND_LINKS": "/a,/b"}),
        ("install.extra-index-url='u v'", {"UV_EXTRA_INDEX_URL": "u v"}),
        (":env:.cert='/c'\nglobal.cert='/d'", {"SSL_CERT_FILE": "/c"}),
        ("freeze.timeout='10'\nglobal.timeout='10'", {}),
        ("download.index-url='u'", {}),
    ],
)
def test_uv_is_told_what_pip_was_told(listed, expected) -> None:
    assert translated(listed) == expected
