"""The origin of the settings: notices about it at the start, and how the ledger's address is read again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Self

from pydantic import PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bot.settings import env_file as settings_env_file
from bot.settings.sources import Surroundings


class Origin(BaseSettings):
    """The base of ``Settings``: the notes of ``read_settings`` about their origin, in private attributes."""

    _of_sources: tuple[str, ...] = PrivateAttr(default=())
    _of_checks: tuple[str, ...] = PrivateAttr(default=())
    _proxies: frozenset[str] = PrivateAttr(default=frozenset())
    """The addresses of proxies that libraries may read from the environment."""
    _for_libraries: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _env_file: Path | None = PrivateAttr(default=None)
    _again: Callable[[], Self] | None = PrivateAttr(default=None)
    """Reads the address of the ledger again."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature, also below
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """``Settings(…)`` takes its arguments and reads nothing; ``read_settings`` reads ``Surroundings``."""
        return (init_settings,)

    def found_in(
        self, around: Surroundings, only: Collection[str], of_checks: tuple[str, ...], again: Callable[[], Self]
    ) -> Self:
        """Note the origin, and how the ledger's address is read again; returns itself."""
        self._again = again
        self._of_checks = of_checks
        self._of_sources = around.notes(only)
        self._proxies = around.proxies
        self._for_libraries = around.for_libraries
        self._env_file = around.env_file
        return self

    def notices(self) -> list[str]:
        """Sentences for the log at the start."""
        path = self._env_file
        open_file = (
            [f"{path} can be read or changed by other users of this machine: chmod 600 {path}"]
            if path is not None and settings_env_file.is_open_to_others(path)
            else []
        )
        return [*self.notices_of_sources(), *open_file, *self._of_checks]

    def notices_of_sources(self) -> list[str]:
        """The notices about the origin; after ``read_settings`` with ``only``, about those settings alone."""
        return list(self._of_sources)

    @property
    def for_libraries(self) -> Mapping[str, str]:
        """The values in ``.env`` of variables that libraries read from the environment, such as HTTPS_PROXY."""
        return self._for_libraries
