"""Settings of all tests."""

import pytest

pytest.register_assert_rewrite("ckptstore.testing")
