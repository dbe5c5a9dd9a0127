"""A Socket.IO client that receives events in the order in which they were sent."""

from __future__ import annotations

from typing import Any

import engineio
import socketio


class _InOrder(engineio.Client):  # type: ignore[misc]
    """Handles messages in order; the library starts a thread for each, and these may overtake each other."""

    def _trigger_event(self, event: str, *arguments: Any, **options: Any) -> Any:
        return super()._trigger_event(event, *arguments, **options | {"run_async": False})


class Client(socketio.Client):  # type: ignore[misc]
    """A client whose handlers are called one after the other; they must not wait for the server."""

    def _engineio_client_class(self) -> type[engineio.Client]:
        return _InOrder
