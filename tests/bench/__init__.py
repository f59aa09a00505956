# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev bench`: the product beside an ideal client on the same lab, what an idle watchdog costs, power."""
