"""`padan receipt`: prove what the service answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan import times
from padan.asked import AskedQuestion
from padan.cli import connection, keyset
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName, Timeout
from padan.cli.console import CommandError, ExitCode, new_app, print_json

if TYPE_CHECKING:
    from padan.receipt import Receipt
    from padan.tlog.policy import Believed, Policy
    from padan.tlog.proof import LogProof

_EXTRA = "pip install 'padan[receipts]'"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_app("receipt", summary="Prove what the service answered.")
    group.command("check")(check)
    group.command("prove")(prove)
    app.add_typer(group)


def check(
    file: Annotated[Path, typer.Argument(help="The receipt: a JWS in compact form.")],
    *,
    keys: Annotated[Path, typer.Option(help="The service's keys, a JWK Set: `padan info --jwks`.")],
    request: Annotated[
        Path | None,
        typer.Option(help="The question's file (`padan verify --save-request`): is it the one answered?"),
    ] = None,
    agency: Annotated[str | None, typer.Option(help="Id of the agency that must have asked.")] = None,
    proof: Annotated[
        Path | None,
        typer.Option(help="The proof that it stands in the log (`padan receipt prove`); needs --policy."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Whose checkpoints to believe: a policy file (`padan info --policy`).")
    ] = None,
    json: Json = False,
) -> None:
    """Check a receipt's signature and claims; with --request also that it belongs to that question.

    With --proof and --policy also that its leaf stands in the log, without a network. Ends with exit code 1 if the
    receipt is not what it claims to be.
    """
    try:
        from padan import receipt  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError:
        raise CommandError("joserfc is not installed", next_step=_EXTRA) from None
    if (proof is None) != (policy is None):
        raise CommandError(
            "--proof and --policy belong together",
            next_step="give both; padan info --policy writes a policy without witnesses",
            code=ExitCode.USAGE,
        )
    question = AskedQuestion.decode(_bytes(request)) if request is not None else None
    token = _bytes(file).decode("ascii", errors="replace").strip()
    found = receipt.check(token, keyset.read(keys), question=question, audience=agency)
    believed = None
    if proof is not None and policy is not None:
        believed = _logged(found, _bytes(proof), _policy(policy))
    _print(found, proven=question is not None, believed=believed, as_json=json)


def prove(
    file: Annotated[Path, typer.Argument(help="The receipt: a JWS in compact form.")],
    *,
    policy: Annotated[
        Path | None, typer.Option(help="Whose checkpoints to believe; without it the path alone is checked.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The proof's file; default the receipt's name and .tlog-proof.")
    ] = None,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Fetch the proof that a receipt's leaf stands in the log, check it, and save it beside the receipt.

    Ends with exit code 1 if there is none: after the receipt's merge delay that is an alarm.
    """
    try:
        from padan import expecting, proofs  # noqa: PLC0415 - needs an extra
        from padan.tlog.proof import SUFFIX  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise CommandError("cryptography is not installed", next_step=_EXTRA) from None
    leaf, _ = expecting.leaf_of(_bytes(file).decode("ascii", errors="replace").strip())
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout, audit=True
    )
    believing = None if policy is None else _policy(policy)
    with proofs.ProofClient.from_files(
        link.address,
        ca=link.ca,
        cert=link.cert,
        key=link.key,
        server_name=link.server_name,
        timeout=link.timeout,
    ) as client:
        found = client.inclusion(leaf, policy=believing)
    target = out or file.with_name(file.name + SUFFIX)
    _save(target, found)
    shown = {
        "proof": str(target),
        "index": found.index,
        "signatures": "not checked" if believing is None else "good",
    }
    if json:
        print_json(shown)
        return
    typer.echo(f"the leaf stands at {found.index} in the log; the proof is in {target}")
    if believing is None:
        typer.echo("who signed the checkpoint was not checked: name a policy with --policy")


def _logged(found: Receipt, data: bytes, policy: Policy) -> Believed:
    """Check that a receipt's leaf stands in the log that it names.

    Raises:
        LogError: it is not shown.
    """
    from padan.errors import LogProofError  # noqa: PLC0415 - with the extra's modules
    from padan.tlog import proof as files  # noqa: PLC0415 - needs an extra

    believed = files.parse(data).check(found.leaf, policy)
    if believed.checkpoint.origin != found.origin:
        raise LogProofError(
            f"the proof is of the log {believed.checkpoint.origin!r}, and the receipt names {found.origin!r}"
        )
    return believed


def _policy(path: Path) -> Policy:
    from padan.tlog import policy  # noqa: PLC0415 - needs an extra

    return policy.parse(_bytes(path).decode("utf-8", errors="replace"))


def _save(path: Path, found: LogProof) -> None:
    try:
        path.write_bytes(found.encode())
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written ({error.strerror})", next_step="name another file with --out"
        ) from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read ({error.strerror})", next_step="name another file"
        ) from None


def _print(found: Receipt, *, proven: bool, believed: Believed | None, as_json: bool) -> None:
    shown = {
        "signature": "good",
        "question": "belongs to it" if proven else "not given",
        "proof": "not given" if believed is None else f"in the log of {believed.checkpoint.size} leaves",
        "cosignatures": [] if believed is None else [each.key.name for each in believed.cosignatures],
        "outcome": found.outcome.name,
        "agency": found.audience,
        "registry": found.issuer,
        "agreement": found.agreement,
        "issued_at": times.text(found.issued_at),
        "request_id": found.request_id,
        "log": found.origin,
        "leaf": found.leaf.hex(),
        "max_merge_delay": found.max_merge_delay,
        "digest": found.digest.hex(),
        "epoch": found.epoch,
        "keys": list(found.keys),
        "signed_by": found.key_id,
    }
    if as_json:
        print_json(shown)
        return
    if believed is None:
        del shown["cosignatures"]
    for name, value in shown.items():
        text = ", ".join(value) or "none" if isinstance(value, list) else value
        typer.echo(f"{name.replace('_', ' '):<16} {text}")
