# SPDX-License-Identifier: GPL-3.0-or-later
class LabError(Exception):
    """Something about the lab that its user can mend; the message says what and how."""
