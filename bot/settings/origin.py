"""Where settings come from: what the start says about it, and how the ledger's address is read anew."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Self

from pydantic import PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bot.settings import env_file as settings_env_file
from bot.settings.sources import Notice, Surroundings


class Origin(BaseSettings):
    """Settings without the settings: only what ``read_settings`` notes down about them, in private attributes."""

    _of_sources: tuple[Notice, ...] = PrivateAttr(default=())
    _of_checks: tuple[str, ...] = PrivateAttr(default=())
    _proxies: frozenset[str] = PrivateAttr(default=frozenset())
    """The addresses of proxies that libraries may read by themselves."""
    _for_libraries: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _env_file: Path | None = PrivateAttr(default=None)
    _again: Callable[[], Self] | None = PrivateAttr(default=None)
    """Reads the address of the ledger anew."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature, also below
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """``Settings(…)`` is what it is given and reads nothing by itself; ``read_settings`` reads ``Surroundings``."""
        return (init_settings,)

    def found_in(
        self, around: Surroundings, only: Collection[str], of_checks: tuple[str, ...], again: Callable[[], Self]
    ) -> Self:
        """The same, which knows where it comes from, and how the ledger's address is read anew."""
        self._again = again
        self._of_checks = of_checks
        self._of_sources = tuple(notice for notice in around.notices if not only or around.concerns(notice, only))
        self._proxies = around.proxies
        self._for_libraries = around.for_libraries
        self._env_file = around.env_file
        return self

    def notices(self) -> list[str]:
        """Sentences to be logged at start."""
        path = self._env_file
        open_file = (
            [f"{path} can be read or changed by other users of this machine: chmod 600 {path}"]
            if path is not None and settings_env_file.is_open_to_others(path)
            else []
        )
        return [*self.notices_of_sources(), *open_file, *self._of_checks]

    def notices_of_sources(self) -> list[str]:
        """Those of them about where the settings come from; ``read_settings`` with ``only`` keeps to those settings."""
        return [str(notice) for notice in self._of_sources]

    @property
    def for_libraries(self) -> Mapping[str, str]:
        """What ``.env`` has for variables that libraries look for in the environment, such as HTTPS_PROXY."""
        return self._for_libraries
