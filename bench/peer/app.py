"""The peer: what a team builds that does not know Padan, from the libraries that most would take.

FastAPI, uvicorn (uvloop, httptools), SQLAlchemy's ORM with asyncio, PostgreSQL: a keyed lookup of the
resident, five keyed comparisons, one audit row inserted and committed a request, then the answer. Mutual TLS
in uvicorn.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import hmac
import os
import ssl
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from bench.peer.model import KEY, AuditRow, PersonRow, attribute_mac, token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Question(BaseModel):
    """What an agency asks."""

    request_id: str
    agency: str
    purpose: str
    nik: str
    claims: dict[str, str]


class Answer(BaseModel):
    """What it gets."""

    request_id: str
    outcome: str
    verdicts: dict[str, bool]


def create_app(url: str) -> FastAPI:
    """Build the application around a database."""
    engine = create_async_engine(url, pool_size=20, max_overflow=0)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/verify")
    async def verify(question: Question) -> Answer:
        async with sessions() as session, session.begin():
            identity = token(question.nik)
            row = await session.scalar(select(PersonRow).where(PersonRow.token == identity))
            stored = row.attributes() if row is not None else {}
            verdicts = {
                name: hmac.compare_digest(stored.get(name, bytes(8)), attribute_mac(identity, name, value))
                for name, value in question.claims.items()
            }
            outcome = "match" if all(verdicts.values()) else "no_match"
            session.add(
                AuditRow(
                    at=dt.datetime.now(dt.UTC),
                    agency=question.agency,
                    purpose=question.purpose,
                    subject=hmac.digest(KEY, b"audit" + identity, hashlib.sha256)[:16],
                    outcome=outcome,
                )
            )
        return Answer(request_id=question.request_id, outcome=outcome, verdicts=verdicts)

    return app


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--ca", "--certificate", "--key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        create_app(os.environ["BENCH_PEER_DATABASE"]),
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
        ssl_ca_certs=options.ca,
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )


if __name__ == "__main__":
    main()
