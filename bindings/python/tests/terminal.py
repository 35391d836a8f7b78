# SPDX-License-Identifier: BSD-2-Clause
"""Where progress is shown on one line."""
import io


class Terminal(io.StringIO):
    def isatty(self):
        return True
