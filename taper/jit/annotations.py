"""Types that TorchScript's annotations use: lists whose length may be given by one number."""

from __future__ import annotations


class _Broadcasting:
    def __getitem__(self, item):
        return list


BroadcastingList1, BroadcastingList2, BroadcastingList3 = _Broadcasting(), _Broadcasting(), _Broadcasting()
