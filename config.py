"""The settings; :mod:`hextrackr.config` has them all, with their defaults."""

from hextrackr.config import ASYNC_MODES, Config, SettingError, TestingConfig

__all__ = ["ASYNC_MODES", "Config", "SettingError", "TestingConfig"]
