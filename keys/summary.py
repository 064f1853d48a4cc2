"""A proposal in plain words, English and Indonesian: what it does, and what of it cannot be undone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from keys.keychange import Action, Change
from keys.purpose import Purpose, TokenDomain, purpose_of, rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.purpose import KeysetName
    from keys.roster import Roster

_KEYS: Final[Mapping[Purpose, tuple[str, str]]] = MappingProxyType(
    {
        Purpose.INDEX: ("finding a person's record", "menemukan catatan seseorang"),
        Purpose.ATTRIBUTE: ("the attributes inside a record", "atribut di dalam catatan"),
        Purpose.OUTER_TOKEN: ("the addresses of stored records", "alamat catatan yang disimpan"),
        Purpose.ROW_SEAL: ("sealing stored records", "menyegel catatan yang disimpan"),
        Purpose.BIOMETRIC: ("biometric references", "acuan biometrik"),
        Purpose.TOKEN_DOMAIN: ("agencies' tokens", "token instansi"),
        Purpose.TOKEN_TAG: ("the tags of agencies' tokens", "tanda pengaman token instansi"),
        Purpose.TOKEN_INDEX: ("the index of agencies' tokens", "indeks token instansi"),
        Purpose.MATCH_DOMAIN: ("comparing agencies' tokens", "membandingkan token instansi"),
        Purpose.SET: ("enrolment sets", "himpunan kepesertaan"),
        Purpose.BUDGET: ("counting guesses", "menghitung tebakan"),
        Purpose.HANDLE: ("finding a resident's log entries", "menemukan entri log seorang penduduk"),
        Purpose.TOMBSTONE: ("remembering who was erased", "mengingat siapa yang telah dihapus"),
        Purpose.REPLAY: ("stored answers", "jawaban yang disimpan"),
        Purpose.LOG_SIGNING: ("signing the log", "menandatangani log"),
        Purpose.RECEIPT_SIGNING: ("signing receipts", "menandatangani tanda terima"),
        Purpose.PROJECTOR_FEED: ("the registry's feed", "umpan data dari registri"),
    }
)
"""What the key of each purpose is for."""

_FINAL_EN: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.CREATE: "Nothing: a key that was never used can be destroyed.",
        Action.ACTIVATE: "The key cannot go back to being unused; it can be deactivated.",
        Action.ROTATE: "The old key never makes anything again.",
        Action.DEACTIVATE: "The key never makes anything again.",
        Action.DESTROY: "Everything. What the key protected is lost for good, also from backups.",
        Action.COMPROMISE: "The key never makes anything again, and the declaration stays in history and log.",
        Action.EXPORT: "A key that has left cannot be called back.",
        Action.SUCCEED: "The new keys cannot go back to being unused; records move to them by a rotation of the vault.",
        Action.RETIRE: "Everything. What the keys protected is lost for good, also from backups.",
        Action.END_DOMAIN: "Everything. The agency's tokens lead to nobody any more, for itself, for the service and "
        "for anybody else, also from backups; where it comes back, it begins with other tokens.",
    }
)
_FINAL_ID: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.CREATE: "Tidak ada: kunci yang belum pernah dipakai dapat dimusnahkan.",
        Action.ACTIVATE: "Kunci tidak dapat kembali menjadi belum dipakai; kunci dapat dinonaktifkan.",
        Action.ROTATE: "Kunci lama tidak akan membuat apa pun lagi.",
        Action.DEACTIVATE: "Kunci tidak akan membuat apa pun lagi.",
        Action.DESTROY: "Semuanya. Yang dilindungi kunci ini hilang selamanya, juga dari cadangan.",
        Action.COMPROMISE: "Kunci tidak akan membuat apa pun lagi, dan pernyataan ini tetap ada di riwayat dan log.",
        Action.EXPORT: "Kunci yang sudah keluar tidak dapat ditarik kembali.",
        Action.SUCCEED: "Kunci baru tidak dapat kembali menjadi belum dipakai; rotasi memindahkan catatan ke situ.",
        Action.RETIRE: "Semuanya. Yang dilindungi kunci-kunci ini hilang selamanya, juga dari cadangan.",
        Action.END_DOMAIN: "Semuanya. Token instansi itu tidak lagi menunjuk siapa pun, baik bagi instansi itu, bagi "
        "layanan, maupun bagi pihak lain, juga dari cadangan; bila instansi itu kembali, tokennya baru.",
    }
)


_DEALS_EN: Final = " Every key is wrapped anew, and they get new shares of what unlocks them."
_DEALS_ID: Final = " Semua kunci dibungkus ulang, dan mereka menerima pecahan baru dari pembukanya."


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A proposal in words of one language.

    Args:
        does: what it does.
        final: what of it cannot be undone.
    """

    does: str
    final: str


_BESIDE: Final[Mapping[Action, tuple[Summary, Summary]]] = MappingProxyType(
    {
        Action.ROTATE: (
            Summary(
                does="Make a new {purpose} key, for {use}. From now on it signs beside the present one, until that "
                "one is deactivated.",
                final="The new key cannot go back to being unused; the present one goes on signing.",
            ),
            Summary(
                does="Membuat kunci {purpose} baru, untuk {use}. Mulai sekarang kunci baru menandatangani di samping "
                "yang sekarang, sampai yang sekarang dinonaktifkan.",
                final="Kunci baru tidak dapat kembali menjadi belum dipakai; yang sekarang tetap menandatangani.",
            ),
        ),
        Action.DEACTIVATE: (
            Summary(
                does="Let the {purpose} key {key}, for {use}, sign nothing new. Witnesses, auditors and agencies who "
                "do not have the other key refuse the log from then on. What it signed stays readable.",
                final=_FINAL_EN[Action.DEACTIVATE],
            ),
            Summary(
                does="Menonaktifkan kunci {purpose} {key}, untuk {use}: tidak menandatangani apa pun yang baru. Saksi, "
                "auditor, dan instansi yang belum memiliki kunci lainnya menolak log sejak saat itu. Yang sudah "
                "ditandatangani tetap dapat dibaca.",
                final=_FINAL_ID[Action.DEACTIVATE],
            ),
        ),
    }
)
"""What is said, English and Indonesian, of a key that works beside the one that replaces it."""


def english(what: Change | Roster) -> Summary:
    """Say it in English."""
    if not isinstance(what, Change):
        names = ", ".join(custodian.name for custodian in what.custodians)
        return Summary(
            does=f"From now on {what.threshold} of these {len(what.custodians)} custodians decide together "
            f"about the keyring: {names}." + (_DEALS_EN if what.holds_shares else ""),
            final="Only as many of the new custodians as the new number says can change this again."
            + (" The old shares open nothing any more." if what.holds_shares else ""),
        )
    if (beside := _beside(what, 0)) is not None:
        return beside
    purpose, key = _for(what.purpose, 0), f"the {what.purpose} key {what.key_id}"
    does = {
        Action.CREATE: f"Make a new {what.purpose} key, for {purpose}. It does nothing until it is activated.",
        Action.ACTIVATE: f"Activate {key}, for {purpose}."
        + (" From now on it makes whatever is made." if what.primary else ""),
        Action.ROTATE: f"Put a new {what.purpose} key, for {purpose}, in the place of the present one. "
        "What the old key made stays readable.",
        Action.DEACTIVATE: f"Let {key}, for {purpose}, make nothing new. What it made stays readable.",
        Action.DESTROY: f"Destroy {key}, for {purpose}, and wrap all other keys anew, so that no copy gives it back.",
        Action.COMPROMISE: f"Declare that others may know {key}, for {purpose}. Reason given: {what.text}",
        Action.EXPORT: f"Write {key}, for {purpose}, in the clear, to: {what.text}",
        Action.SUCCEED: f"Make new keys beside the present ones: {_listed(what, 0)}. From now on they make whatever is "
        "made; the present ones stay active until every record is moved.",
        Action.RETIRE: f"Destroy {_listed(what, 0)}, and wrap all other keys anew, so that no copy gives them back.",
        Action.END_DOMAIN: f"End {what.purpose}: destroy every key of it, also the one that issues, and wrap all other "
        f"keys anew, so that no copy gives them back. {_ended(what, 0)}",
    }
    return Summary(does=does[what.action], final=_FINAL_EN[what.action])


def indonesian(what: Change | Roster) -> Summary:
    """Say it in Indonesian."""
    if not isinstance(what, Change):
        names = ", ".join(custodian.name for custodian in what.custodians)
        return Summary(
            does=f"Mulai sekarang {what.threshold} dari {len(what.custodians)} pemegang kunci berikut memutuskan "
            f"bersama tentang berkas kunci: {names}." + (_DEALS_ID if what.holds_shares else ""),
            final="Hanya sejumlah pemegang kunci baru yang disyaratkan yang dapat mengubahnya lagi."
            + (" Pecahan yang lama tidak membuka apa pun lagi." if what.holds_shares else ""),
        )
    if (beside := _beside(what, 1)) is not None:
        return beside
    purpose, key = _for(what.purpose, 1), f"kunci {what.purpose} {what.key_id}"
    does = {
        Action.CREATE: f"Membuat kunci {what.purpose} baru, untuk {purpose}. "
        "Kunci ini belum berfungsi sampai diaktifkan.",
        Action.ACTIVATE: f"Mengaktifkan {key}, untuk {purpose}."
        + (" Mulai sekarang semua yang baru dibuat dengan kunci ini." if what.primary else ""),
        Action.ROTATE: f"Mengganti kunci {what.purpose} yang sekarang, untuk {purpose}, dengan yang baru. "
        "Yang dibuat dengan kunci lama tetap dapat dibaca.",
        Action.DEACTIVATE: f"Menonaktifkan {key}, untuk {purpose}: tidak membuat apa pun yang baru. "
        "Yang sudah dibuat tetap dapat dibaca.",
        Action.DESTROY: f"Memusnahkan {key}, untuk {purpose}, dan membungkus ulang semua kunci lain, "
        "sehingga tidak ada salinan yang dapat mengembalikannya.",
        Action.COMPROMISE: f"Menyatakan bahwa {key}, untuk {purpose}, mungkin diketahui pihak lain. "
        f"Alasan: {what.text}",
        Action.EXPORT: f"Menuliskan {key}, untuk {purpose}, tanpa perlindungan, ke: {what.text}",
        Action.SUCCEED: f"Membuat kunci baru di samping yang sekarang: {_listed(what, 1)}. Mulai sekarang semua yang "
        "baru dibuat dengan kunci baru; yang sekarang tetap aktif sampai semua catatan dipindahkan.",
        Action.RETIRE: f"Memusnahkan {_listed(what, 1)}, dan membungkus ulang semua kunci lain, sehingga tidak ada "
        "salinan yang dapat mengembalikannya.",
        Action.END_DOMAIN: f"Mengakhiri {what.purpose}: memusnahkan semua kuncinya, juga yang menerbitkan token, dan "
        "membungkus ulang semua kunci lain, sehingga tidak ada salinan yang dapat mengembalikannya. "
        f"{_ended(what, 1)}",
    }
    return Summary(does=does[what.action], final=_FINAL_ID[what.action])


def _beside(what: Change, language: int) -> Summary | None:
    """Say it of a key that works beside its successor; English is 0 and Indonesian 1. None where it is no such key."""
    if what.action not in _BESIDE or not rules(what.purpose).beside:
        return None
    told = _BESIDE[what.action][language]
    use = _for(what.purpose, language)
    return Summary(does=told.does.format(purpose=what.purpose, key=what.key_id, use=use), final=told.final)


def _listed(what: Change, language: int) -> str:
    """Name several keys and what they are for; English is 0 and Indonesian 1."""
    word, use = (("key", "for"), ("kunci", "untuk"))[language]
    return "; ".join(
        f"{word} {purpose}{f' {key_id}' if key_id else ''}, {use} {_for(purpose, language)}"
        for purpose, key_id in what.keys
    )


def _ended(what: Change, language: int) -> str:
    """Say whose domain it is and since when its agreement is over; English is 0 and Indonesian 1."""
    end = what.ending
    if end is None:
        return ""
    english_text = (
        f"It is the domain of {end.agency}, whose agreement {end.agreement} (version {end.version}) ended on "
        f"{end.ended_text}. It is not executed before {end.due_text}, when the period of grace is over."
    )
    indonesian_text = (
        f"Domain ini milik {end.agency}, yang perjanjiannya {end.agreement} (versi {end.version}) berakhir pada "
        f"{end.ended_text}. Pengakhiran tidak dijalankan sebelum {end.due_text}, saat masa tenggang selesai."
    )
    return (english_text, indonesian_text)[language]


def _for(name: KeysetName, language: int) -> str:
    """Say what a key is for; English is 0 and Indonesian 1."""
    use = _KEYS[purpose_of(name)][language]
    return f"{use} ({name.domain})" if isinstance(name, TokenDomain) else use
