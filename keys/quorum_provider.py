"""The `quorum:` provider: a KEK that m of n custodians hold together, for those who sit together.

Its folder holds the quorum's file, and of each custodian the keys and the share, until they are taken home. Who is here
types a passphrase, or a file of it is named; as many as it takes are asked, and nobody twice. A renewal deals anew, to
the same custodians or to those of a plan; the new shares are written, read back and combined before anything else
happens, and the old ones stay until `retire`. Custodians who are apart hand their shares to the key agent instead.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys import custodian, quorum, sharefile
from keys.errors import (
    ProviderError,
    QuorumFileError,
    RosterError,
    SharesMissingError,
)
from keys.file_provider import read_passphrase
from keys.ringfile import RingFile, sync_folder
from keys.roster import Custodian, Roster
from padan import group
from padan.card import Card

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from keys.kek import Kek
    from keys.provider import Prompt
    from keys.quorum import Deal, Generation
    from keys.realm import Realm
    from keys.signing import Signing
    from padan.personfile import Person

FILE: Final = "quorum.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Whom the next dealing goes to.

    Attributes:
        realm: the registry and environment.
        threshold: custodians that it takes.
        cards: the custodians.
    """

    realm: Realm
    threshold: int
    cards: tuple[Card, ...]


def read(folder: Path) -> tuple[Generation, ...]:
    """Read the quorum's file of a folder, oldest generation first.

    Raises:
        QuorumFileError: missing, malformed, changed.
    """
    try:
        return quorum.decode((folder / FILE).read_bytes())
    except OSError as error:
        raise QuorumFileError(f"{folder / FILE} cannot be read ({error.strerror})") from error


def roster_of(threshold: int, cards: Iterable[Card]) -> Roster:
    """Name those as a roster who hold a KEK together.

    Raises:
        RosterError: they are none.
    """
    people = (
        Custodian(name=card.name, public_key=card.signing, sealing_key=card.sealing)
        for card in sorted(cards, key=lambda card: card.name)
    )
    return Roster(threshold=threshold, custodians=tuple(people))


def keys_path(folder: Path, name: str) -> Path:
    """Give the path of a custodian's keys."""
    return folder / f"{name}{custodian.SUFFIX}"


def share_path(folder: Path, name: str, generation: int) -> Path:
    """Give the path of a custodian's share of a generation."""
    return folder / f"{name}.{generation}.share.json"


class QuorumKekProvider:
    """A folder of a quorum.

    Args:
        folder: of the quorum's file.
        sources: custodians' names to files of their passphrases; where there is any, nobody is asked.
        prompt: asks a person.
        uri: the URI that named this provider.
    """

    single_custodian = False

    def __init__(self, *, folder: Path, sources: Mapping[str, Path], prompt: Prompt, uri: str) -> None:
        self.folder = folder
        self.uri = uri
        self._file = RingFile(folder / FILE, keep_last=False)
        self._sources = dict(sources)
        self._prompt = prompt
        self._people: dict[str, Person] = {}
        self._plan: Plan | None = None
        self._opened: set[str] = set()

    def __repr__(self) -> str:
        return f"<QuorumKekProvider {self.folder}>"

    def roster(self, kek_id: str) -> Roster:
        """Say who holds a KEK: they decide together about what it wraps; unlocks nothing.

        Raises:
            QuorumFileError: the quorum's file cannot be read, or does not hold it.
        """
        made = quorum.generation_of(read(self.folder), kek_id)
        return roster_of(made.threshold, made.cards)

    def hand_on(self, roster: Roster) -> None:
        """Let the next renewal deal its shares to these custodians.

        Raises:
            QuorumFileError: the quorum's file cannot be read.
            RosterError: they have no keys to which shares are sealed.
        """
        if not roster.holds_shares:
            raise RosterError("the roster lacks the keys to which shares of the KEK are sealed")
        cards = (
            Card(name=each.name, signing=each.public_key, sealing=each.sealing_key)
            for each in roster.custodians
        )
        realm = read(self.folder)[0].realm
        self.deal_to(Plan(realm=realm, threshold=roster.threshold, cards=tuple(cards)))

    def signers(self) -> tuple[Signing, ...]:
        """Give the signing keys of those who are here."""
        return tuple(self._people[name].signer for name in sorted(self._people))

    def deal_to(self, plan: Plan) -> None:
        """Let the next dealing go to those of a plan."""
        self._plan = plan

    def welcome(self, people: Iterable[Person]) -> None:
        """Take people whose keys are open already, so that nobody asks them."""
        self._people |= {person.card.name: person for person in people}

    def know(self, files: Mapping[str, Path]) -> None:
        """Take further files of passphrases, by name."""
        self._sources |= files

    def create(self) -> Kek:
        """Deal for the first time, to those of the plan.

        Raises:
            KeyringExistsError: there is a quorum in the folder.
            ProviderError: nobody said who the custodians are.
            SharesMissingError: fewer of them are here than it will take.
        """
        if self._plan is None:
            raise ProviderError("a quorum is made by padan-keys init --custodians NAMES --threshold M")
        self._file.refuse_existing()
        return self._deal(self._plan, number=1, beside=())

    def unlock(self) -> tuple[Kek, ...]:
        """Come to the KEK of every generation that enough of those who are here hold shares of.

        Raises:
            QuorumFileError: a file is missing, malformed or changed.
            PassphraseError: a passphrase is wrong, or there is no terminal to ask on.
            ShareRefusedError: a share is wrong, or of elsewhere; names its holder.
            SharesMissingError: fewer are here than it takes.
        """
        generations = read(self.folder)
        self._call(generations)
        keks = [kek for each in generations if (kek := self._combine(each)) is not None]
        if not keks:
            here = {each.number_of(name): name for each in generations[:1] for name in self._here(each.names)}
            raise SharesMissingError(generations[0].missing(here))
        self._opened = {kek.id for kek in keks}
        return tuple(keks)

    def renew(self) -> Kek:
        """Deal the next generation beside the present one; proven when this returns.

        Raises:
            SharesMissingError: fewer of the next custodians are here than it will take.
            CustodianError: as `unlock`.
        """
        if not self._opened:
            self.unlock()
        generations = read(self.folder)
        kept = tuple(each for each in generations if each.kek_id in self._opened)[-1:]
        present = kept[0]
        plan = self._plan or Plan(realm=present.realm, threshold=present.threshold, cards=present.cards)
        number = max(each.number for each in generations) + 1
        return self._deal(plan, number=number, beside=kept)

    def retire(self, kek_id: str) -> None:
        """Keep one generation alone, and remove the others' shares from the folder.

        Raises:
            QuorumFileError: the file does not hold it.
        """
        generations = read(self.folder)
        kept = quorum.generation_of(generations, kek_id)
        if len(generations) > 1:
            self._file.write(quorum.encode([kept]))
        for path in self.folder.glob("*.share.json"):
            with contextlib.suppress(QuorumFileError):
                if sharefile.decode(path.read_bytes()).quorum_id != kept.id:
                    path.unlink(missing_ok=True)
        sync_folder(self.folder)

    def _deal(self, plan: Plan, *, number: int, beside: tuple[Generation, ...]) -> Kek:
        """Deal, write the shares, then the quorum's file, and come to the KEK from what is on the disk."""
        names = sorted(card.name for card in plan.cards)
        self._ask(names, plan.threshold)
        if len(self._here(names)) < plan.threshold:
            raise SharesMissingError(
                f"the new shares are proven by {plan.threshold} of their custodians, and here are "
                f"{', '.join(self._here(names)) or 'none'}"
            )
        deal = quorum.deal(plan.realm, number=number, threshold=plan.threshold, cards=plan.cards)
        try:
            self._write(deal)
            self._file.write(quorum.encode([*beside, deal.generation]))
        except BaseException:
            # Where the file was written before something else failed, its shares must stay.
            if not self._holds(deal.generation):
                for name in names:
                    share_path(self.folder, name, number).unlink(missing_ok=True)
            raise
        proven = self._combine(quorum.generation_of(read(self.folder), deal.kek.id))
        if proven is None:
            raise SharesMissingError("the new shares are not in the folder any more")
        self._opened |= {proven.id}
        return proven

    def _holds(self, generation: Generation) -> bool:
        """Whether the file names a generation, or may: one that cannot be read now is taken for that."""
        try:
            return any(each.id == generation.id for each in read(self.folder))
        except QuorumFileError:
            return (self.folder / FILE).exists()

    def _write(self, deal: Deal) -> None:
        made = deal.generation
        for member, name in enumerate(made.names, 1):
            found = sharefile.ShareFile(
                realm=made.realm,
                generation=made.number,
                quorum_id=made.id,
                name=name,
                member=member,
                box=deal.boxes[member],
            )
            RingFile(share_path(self.folder, name, made.number), keep_last=False).write(found.encode())

    def _combine(self, generation: Generation) -> Kek | None:
        """Come to a generation's KEK; None where too few are here, or their shares are elsewhere."""
        shares: dict[int, bytearray] = {}
        try:
            for name in self._here(generation.names):
                path = share_path(self.folder, name, generation.number)
                if path.exists():
                    found = sharefile.decode(path.read_bytes())
                    found.require_of(generation)
                    shares[found.member] = found.open(self._people[name])
            return generation.combine(shares) if len(shares) >= generation.threshold else None
        finally:
            group.wipe(*shares.values())

    def _here(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self._people]

    def _call(self, generations: tuple[Generation, ...]) -> None:
        """Open the keys of as many as it takes; who opened them for another generation counts for this one too."""
        for generation in generations:
            self._ask(generation.names, generation.threshold)

    def _ask(self, names: Iterable[str], wanted: int) -> None:
        names = list(names)
        for name in names:
            path = keys_path(self.folder, name)
            if len(self._here(names)) >= wanted:
                return
            if name in self._people or not path.exists():
                continue
            passphrase = self._passphrase(name)
            if passphrase:
                self._people[name] = custodian.open_keys(path.read_bytes(), passphrase, name=name)

    def _passphrase(self, name: str) -> str:
        if not self._sources:
            return self._prompt(f"Passphrase of {name} (empty where not here): ")
        if name not in self._sources:
            return ""
        return read_passphrase(self._sources[name])
