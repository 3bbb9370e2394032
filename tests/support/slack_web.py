"""slack_sdk's WebClient as a double, and what Slack answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse


def response(data: Any, status: int = 200, headers: dict[str, Any] | None = None) -> SlackResponse:
    return SlackResponse(
        client=None,
        http_verb="POST",
        api_url="https://slack.example/api",
        req_args={},
        data=data,
        headers=headers or {},
        status_code=status,
    )


def api_error(data: Any, status: int = 200, headers: dict[str, Any] | None = None) -> SlackApiError:
    return SlackApiError("refused", response(data, status, headers))


class Web:
    """Each answer is given once, to whatever is called next; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not hasattr(WebClient, name):
            raise AttributeError(name)

        def call(**arguments: Any) -> Any:
            self.calls.append((name.replace("_", ".", 1), arguments))
            answer = self._next()
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return call

    def _next(self) -> Any:
        return self.answers.pop(0)

    @property
    def asked(self) -> list[Any]:
        """The first argument of each call, in order."""
        return [next(iter(arguments.values())) for _, arguments in self.calls]


class RepeatingWeb(Web):
    """The last answer is given again and again."""

    def _next(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
