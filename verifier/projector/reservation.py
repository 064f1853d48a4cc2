"""Finding the killed load to go on with, or reserving an epoch for a new one.

An epoch's number is part of its keys, so it is fixed, in the vault's catalogue, before the first row is projected.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tokenizer import normalise
from tokenizer import outer as outer_layer
from tokenizer.suite import SUITE
from verifier.epoch import REGISTRY_ZONE
from verifier.projector import plan as plans
from verifier.projector.plan import Fingerprint, Plan
from verifier.vault.epoch import Epoch, EpochState
from verifier.vault.open import open_writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.config import Settings
    from verifier.projector.fieldmap import Binding
    from verifier.projector.order import Order
    from verifier.projector.source import Source

LOADS_FOLDER: Final = "loads"
"""Folder of started loads, in the data folder."""


def reserve(
    settings: Settings, order: Order, source: Source, binding: Binding, keys: Mapping[str, int]
) -> Plan:
    """Find the killed load of this source, or begin one; called with `plan.alone` held.

    Raises:
        RunError: a started load is damaged.
        VaultUnavailableError: the vault cannot be used.
    """
    loads = settings.data_dir / LOADS_FOLDER
    fingerprint = _fingerprint(source, binding, keys, order)
    day = order.as_of.isoformat() if order.as_of else ""
    for plan in plans.unfinished(loads):
        if plan.fingerprint == fingerprint and day in {"", plan.as_of}:
            if not order.fresh:
                return plan
            abandon(settings, plan)
    writer = open_writer(settings.vault_database)
    try:
        number = writer.next_number()
        plan = Plan(
            epoch=number,
            as_of=day or datetime.now(REGISTRY_ZONE).date().isoformat(),
            fingerprint=fingerprint,
            folder=plans.folder_of(loads, number),
        )
        writer.begin(epoch_of(plan, settings.registry_id, keys, decoys=0))
    finally:
        writer.close()
    plan.write()
    return plan


def epoch_of(plan: Plan, registry: str, keys: Mapping[str, int], *, decoys: int) -> Epoch:
    """Describe the epoch that a load makes."""
    midnight = datetime.fromisoformat(plan.as_of).replace(tzinfo=REGISTRY_ZONE)
    return Epoch(
        number=plan.epoch,
        registry=registry,
        format=outer_layer.FORMAT,
        as_of_ms=int(midnight.timestamp() * 1000),
        key_ids=keys,
        normaliser=normalise.VERSION,
        suite=str(SUITE.number),
        decoys=decoys,
        box_size=outer_layer.BOX_SIZE,
    )


def abandon(settings: Settings, plan: Plan) -> None:
    """Drop the epoch of a killed load that nobody goes on with, and its runs; called with `plan.alone` held.

    Raises:
        VaultUnavailableError: the vault cannot be used.
    """
    writer = open_writer(settings.vault_database)
    try:
        states = {epoch.number: epoch.state for epoch in writer.epochs()}
        if states.get(plan.epoch) is EpochState.LOADING:  # a vault that was made anew does not know the load
            writer.drop(plan.epoch)
    finally:
        writer.close()
    plan.remove()


def _fingerprint(source: Source, binding: Binding, keys: Mapping[str, int], order: Order) -> str:
    replaces = {"replaces": str(order.replaces)} if order.replaces else {}
    return Fingerprint(
        source=source.name,
        binding=json.dumps([source.columns, binding.picks, binding.defaults]),
        keys=dict(keys),
        versions={
            "normaliser": normalise.VERSION,
            "suite": str(SUITE.number),
            "row": str(outer_layer.FORMAT),
            **replaces,
        },
        chunk_rows=order.chunk_rows,
    ).digest()
