"""The server's settings: where it listens, who may ask, and how much. `serve` has a flag for each."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Settings(BaseModel):
    """All that can be set. Every limit is on by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on. Other than loopback only with keys.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 for any that is free.")
    key_file: Path | None = Field(
        None, description="File of the keys that clients send as `Authorization: Bearer KEY`, one a line."
    )
    allow_host: list[str] = Field(
        [], description="Further name that a request's Host may carry (behind a proxy, for one); repeatable."
    )
    allow_origin: list[str] = Field(
        [], description="Origin whose web pages may call the API, such as https://example.org; repeatable."
    )
    default_adapter: str | None = Field(
        None, description="Adapter that /v1/token-classification reads with where a request names none."
    )

    max_body_bytes: int = Field(4 * 2**20, ge=1, description="Bytes of a request's body at most.")
    max_text_chars: int = Field(200_000, ge=1, description="Characters of a text at most.")
    max_texts: int = Field(256, ge=1, description="Texts in a request at most.")
    max_labels: int = Field(64, ge=1, description="Labels in a request at most.")
    max_label_chars: int = Field(1_000, ge=1, description="Characters of a label's name or description at most.")
    max_adapters: int = Field(8, ge=1, description="Adapters in a request at most.")
    max_open_requests: int = Field(256, ge=1, description="Requests received, waiting or answered at once.")
    queue_requests: int = Field(128, ge=1, description="Requests that wait to be read at most.")
    queue_chars: int = Field(4_000_000, ge=1, description="Characters that wait to be read at most.")
    rate: float = Field(50.0, ge=0, description="Requests a second for each key, or address without one; 0: no limit.")
    burst: int = Field(100, ge=1, description="Requests that a key or address may send at once before that counts.")
    request_seconds: float = Field(30.0, gt=0, description="Seconds from a request's first byte to its answer.")
    grace_seconds: float = Field(30.0, gt=0, description="Seconds for accepted requests when the server stops.")

    batch_documents: int = Field(64, ge=1, description="Documents that are read together at most.")
    batch_chars: int = Field(32_000, ge=1, description="Characters that are read together, unless one text has more.")
    batch_wait_ms: float = Field(3.0, ge=0, description="Milliseconds that an idle reader waits for more to read.")

    train: Path | None = Field(
        None,
        description="Folder in which the page may train adapters on what was reviewed there; only with keys.",
    )
    train_threads: int = Field(1, ge=1, description="Threads that a training may have; it runs at the lowest priority.")
    max_train_documents: int = Field(2_000, ge=1, description="Reviewed documents that are kept at most.")
    max_train_chars: int = Field(10_000_000, ge=1, description="Characters of all reviewed documents at most.")

    @model_validator(mode="after")
    def _room_for_the_queue(self) -> Settings:
        if self.max_open_requests < self.queue_requests:
            raise ValueError(
                f"max_open_requests ({self.max_open_requests}) counts waiting requests too, "
                f"so it cannot be less than queue_requests ({self.queue_requests})"
            )
        if self.queue_chars < self.max_text_chars:
            raise ValueError(
                f"a text of max_text_chars ({self.max_text_chars}) would never fit in queue_chars ({self.queue_chars})"
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def allowed_hosts(self) -> frozenset[str] | None:
        """Names, in lower case, that a request's Host may carry; ``None`` for any.

        A web page can make its own name point to a loopback address (DNS rebinding), so a server on loopback
        answers to loopback's names alone.
        """
        if not self.loopback and not self.allow_host:
            return None
        return frozenset(name.lower() for name in (*LOOPBACK_NAMES, *self.allow_host))
