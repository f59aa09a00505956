# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shipped: the collection's tarball and the daemon's wheel, as somebody else would get and use them."""
