"""Generated pairs of names: the same person written differently, and different people with similar names.

The rules here were written from what people write, apart from the normaliser and without its tables, so that
the normaliser does not measure itself. Seeded: the same seed gives the same pairs. Every name is made up of
common parts.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _words(text: str) -> list[str]:
    return text.split()


MALE = _words(
    """
    Sutrisno Slamet Mulyadi Herman Supardi Ismail Supriyanto Wahyudi Junaidi Suparman Agus Budi Bambang Eko
    Dwi Tri Joko Hendra Andi Rudi Yudi Dedi Asep Ujang Cecep Dadang Endang Iwan Wawan Hendri Rizal Fajar
    Arif Irfan Faisal Fauzi Hidayat Yusuf Ibrahim Umar Usman Ridwan Syaiful Syamsul Zainal Khairul Nasir
    Jamal Bahar Rahmat Taufik Imam Sholeh Anwar Kadir Yohanes Petrus Paulus Markus Antonius Stefanus Yosef
    Fransiskus Daniel Samuel Ruben Hotman Poltak Parlindungan Togar Tumpal Maruli Wayan Made Nyoman Ketut
    Putu Gede Kadek Komang Ucok Benyamin Cahyo Cahyadi Jatmiko Prayitno Sujatmoko Surya Aditya Bayu Galih
    Panji Wisnu Yoga Yanuar Jaya Sujana Suharto Sukarno Sunaryo Sudirman
    """
)
FEMALE = _words(
    """
    Siti Sri Nurhayati Sulastri Sumiati Sumarni Sunarti Aminah Ernawati Kartini Dewi Ratna Indah Lestari
    Rina Rini Dina Dini Yuli Yuni Fitri Nur Wahyuni Khadijah Aisyah Fatimah Zulaikha Maimunah Rohani Halimah
    Jamilah Maryam Hasanah Rukmini Tuti Titin Nining Euis Neneng Imas Cucu Yanti Susi Lilis Ida Ayu Luh
    Desak Kadek Maria Yohana Martina Theresia Agnes Veronika Kristina Elisabet Roslina Tiur Rotua Juliana
    Yulianti Cahyani Sukmawati Suryani Pujiastuti Endah Intan Mutiara Puspita Anggraini Permata Melati Wulan
    Bunga
    """
)
LAST = _words(
    """
    Pratama Saputra Wijaya Kusuma Nugroho Santoso Susanto Setiawan Hidayatullah Kurniawan Gunawan Hartono
    Sudrajat Suryadi Cahyono Rahmawati Puspitasari Handayani Wulandari Maharani Anggraeni Siregar Nasution
    Lubis Harahap Simanjuntak Sinaga Situmorang Sihombing Nainggolan Panjaitan Hutabarat Ginting Tarigan
    Sembiring Wowor Sondakh Latuconsina Pattinasarany Seran Nahak Wenda Kogoya Sudana Arta Suardana Budiarta
    Assegaf Shihab Baswedan Hakim Ramadhan Firmansyah Maulana Mahendra Purnama Prasetyo Wicaksono Utomo
    Widodo Rahardjo Sujarwo Jayadi Wardoyo Syahputra Nasrullah Jauhari
    """
)

COMMON = (*MALE, *FEMALE, *LAST)
BEFORE = _words(
    """
    H. Hj. Haji Drs. Dra. Dr. dr. drg. Ir. Prof. K.H. KH. Alm. Almh. R. R.A. R.M. Raden Ust. Ustadz Pdt. Kol. Letkol.
    Tgk. H Hj Drs Dra Dr Ir H.+Drs. Prof.+Dr. Prof.+Dr.+Ir. Dr.+H. Drs.+H. Ir.+Hj. Prof.+Dr.+H.
    """
)
AFTER = _words(
    """
    ,+S.E. ,+SE ,+S.H. ,+SH ,+S.Pd. ,+S.Pd ,+SPd ,+M.Pd ,+S.Kom. ,+S.T. ,+ST ,+S.Sos. ,+S.Ag. ,+S.Si.
    ,+M.Si. ,+M.Kes. ,+A.Md. ,+A.Md.Keb. ,+S.Kep.,+Ns. ,+S.H.,+M.H. ,+S.E.,+M.M. ,+S.Pd.,+M.Pd. ,+M.B.A.
    ,+Ph.D. ,+S.IP. ,+S.Farm.,+Apt. +SE +SH +S.H. +S.E. +S.Pd +S.Kom +ST ,+S.Pd.I ,+M.Hum ,+S.Psi. ,+Sp.OG
    ,+Sp.A. ,+S.K.M. ,+S.I.Kom.,+M.I.Kom. ,+B.Sc. ,+M.Sc. ,+Lc.,+M.A. +(Alm) +(Almh.)
    """
)
MUHAMMADS = _words(
    """
    M. M Muh. Muh Moh. Moh Mhd. Mhd Moch. Moch Mohd Mohd. Muhd. Much. Mohammad Mochamad Mochammad Muhamad
    Mohamad Mohamed Muchammad Muchamad Mukhammad Mohammed Muhammed
    """
)
AHMADS = _words(
    """
    A. A Ach. Ach Achmad Akhmad Ahmed Akh.
    """
)
QUOTED = _words(
    """
    Ma'ruf Jum'at Sa'diyah Mas'ud Nu'man Mu'min As'ad Isma'il Sya'ban Ro'ichah Jum'ah Ni'mah Rif'an
    Mu'awiyah Ru'yat Syafi'i Rofi'i Khuza'i D'Souza D'Costa Al-Qur'ani Baso'i Ka'bah Sa'id Za'im Qur'aini
    Rifa'i
    """
)
QUOTES = "'\u2019\u2018`\u00b4\u02bc\u02bb\u2032"
JOINABLE = _words(
    """
    Dwi+Astuti Nur+Haliza Nur+Hayati Sri+Wahyuni Tri+Wahyudi Al+Habsyi Eka+Putra Abdul+Rahman Nur+Aini
    Siti+Aminah Lumban+Gaol Karo+Karo Perangin+Angin Dwi+Yanto Eko+Prasetyo Nur+Jannah Fitri+Yani
    Budi+Santoso Mega+Wati Indra+Wati Catur+Wahyudi Hadi+Kusumo Harjo+Suwito Sastro+Wijoyo Al+Fatih
    As+Shiddiq Nur+Laila Ayu+Ningtyas Dian+Sari Butar+Butar
    """
)
TWINS = _words(
    """
    Hasan/Husen Hasan/Husein Dina/Dini Rina/Rani Rina/Rini Tuti/Titi Eka/Eki Putra/Putri Rian/Rion Yoga/Yogi
    Doni/Dona Andi/Andri Reza/Rezi Fani/Fina Lina/Lena Nani/Nina Sari/Sara Adit/Adib Deni/Dena Rizal/Rizki
    Ari/Aris Ali/Alif Fitri/Fitria Siska/Siski Tari/Tara Wina/Wini Hadi/Hady+a Rama/Rami Dewi/Dewa
    Intan/Indan Mira/Mirna Yuli/Yulia Ika/Iki Supardi/Suparman Supardi/Supandi Suparno/Suparto
    Sutarno/Sutarto Sunarto/Sunarno Martini/Martina Kartini/Kartika Sutini/Sutina Mulyadi/Mulyani
    Haryanto/Haryanti Sulastri/Sulastra Wahyudi/Wahyuni Aminah/Amanah Salim/Salam Yohanes/Yohana
    Martinus/Martina Agustinus/Agustina Ridwan/Ridho Jumadi/Jumani Kusnadi/Kusnaedi Rukmana/Rukmini
    Sumarno/Sumarni
    """
)
VOWELS = "aiueo"

Pair = tuple[str, str]


class Names:
    """Generates pairs; one object gives one reproducible stream."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - examples, no secrets

    def plain(self, least: int = 1) -> str:
        """Make a name of one to four words; one in five is a mononym where that is allowed."""
        pick = self._random
        given = pick.choice((MALE, FEMALE))
        count = pick.choices((1, 2, 3, 4), (20, 45, 28, 7))[0]
        words = [pick.choice(given) for _ in range(max(count, least) - 1)]
        return " ".join(dict.fromkeys([*words, pick.choice(LAST if count > 1 else given)]))

    def cased(self, name: str) -> str:
        """Write a name in one of the usual cases."""
        return self._random.choice((str, str.upper, str.upper, str.lower))(name)

    def title(self) -> Pair:
        """Write titles before, after or around a name."""
        name, pick = self.plain(), self._random
        before, after = (pick.choice(titles).replace("+", " ") for titles in (BEFORE, AFTER))
        kind = pick.randrange(3)
        titled = f"{before} {name}" if kind != 1 else name
        return self.cased(titled + (after if kind else "")), self.cased(name)

    def spacing(self) -> Pair:
        """Join, split or hyphenate words, or lose the space after nothing at all."""
        pick = self._random
        first, second = pick.choice(JOINABLE).split("+")
        tail = pick.choice(["", f" {pick.choice(LAST)}"])
        forms = [f"{first} {second}", first + second.lower(), f"{first}-{second}", f"{first}  {second}"]
        one, other = pick.sample(forms, 2)
        return self.cased(one + tail), self.cased(other + tail)

    def apostrophe(self) -> Pair:
        """Write an apostrophe as another sign, or not at all."""
        pick = self._random
        word = pick.choice(QUOTED)
        name = " ".join([word, self.plain()] if pick.random() < 0.5 else [self.plain(), word])
        signs = [*QUOTES, ""]
        one, other = pick.sample(signs, 2)
        return self.cased(name.replace("'", one)), self.cased(name.replace("'", other))

    def old_spelling(self) -> Pair:
        """Write a name as before 1972, or halfway: some people changed some letters only."""
        rules = (
            ("ny", "nj"), ("sy", "sj"), ("kh", "ch"), ("j", "dj"), ("c", "tj"), ("y", "j"), ("u", "oe"),
        )  # fmt: skip
        while True:
            name = self.plain()
            chosen = [rule for rule in rules if self._random.random() < 0.75]
            marks = {new: chr(0xE000 + n) for n, (_, new) in enumerate(chosen)}
            old = name.lower()
            for modern, new in chosen:
                # "ch" is no c of its own, and "dj" is old already
                shape = {"c": "c(?!h)", "j": "(?<!d)j"}.get(modern, modern)
                old = re.sub(shape, marks[new], old)
            for new, mark in marks.items():
                old = old.replace(mark, new)
            if old != name.lower():
                return self.cased(old.title()), self.cased(name)

    def muhammad(self) -> Pair:
        """Write Muhammad or Ahmad in another way, or shorten it."""
        pick = self._random
        rest = self.plain()
        if pick.random() < 0.85:
            return self.cased(f"Muhammad {rest}"), self.cased(f"{pick.choice(MUHAMMADS)} {rest}")
        return self.cased(f"Ahmad {rest}"), self.cased(f"{pick.choice(AHMADS)} {rest}")

    def other_word(self) -> Pair:
        """Exchange one word for another."""
        pick = self._random
        while True:
            words = self.plain().split()
            at = pick.randrange(len(words))
            changed = [*words]
            changed[at] = pick.choice(COMMON)
            if changed[at] != words[at]:
                return self.cased(" ".join(words)), self.cased(" ".join(changed))

    def sibling(self) -> Pair:
        """Give two children of one family: other given names, one last name, sometimes one religious first name."""
        pick = self._random
        first = pick.choice(["", "", "Muhammad ", "Siti ", "Nur ", "Ahmad "])
        last = pick.choice(LAST)
        one, other = pick.sample(pick.choice((MALE, FEMALE)), 2)
        return self.cased(f"{first}{one} {last}"), self.cased(f"{first}{other} {last}")

    def twin(self) -> Pair:
        """Give twins: names that differ by little, in a name that is otherwise the same."""
        pick = self._random
        one, other = pick.choice(TWINS).replace("+", "").split("/")
        rest = self.plain() if pick.random() < 0.8 else ""
        pattern = pick.choice(("{} {}", "{1} {0}")) if rest else "{}"
        return self.cased(pattern.format(one, rest)), self.cased(pattern.format(other, rest))

    def other_vowel(self) -> Pair:
        """Exchange one vowel of one word."""
        pick = self._random
        while True:
            name = self.plain().lower()
            places = [n for n, char in enumerate(name) if char in VOWELS]
            at = pick.choice(places)
            vowel = pick.choice(VOWELS)
            if vowel != name[at]:
                return self.cased(name.title()), self.cased((name[:at] + vowel + name[at + 1 :]).title())

    def missing_word(self) -> Pair:
        """Leave one word out."""
        words = self.plain(least=2).split()
        while len(words) < 2:
            words = self.plain(least=2).split()
        at = self._random.randrange(len(words))
        return self.cased(" ".join(words)), self.cased(" ".join(words[:at] + words[at + 1 :]))

    def slip(self) -> Pair:
        """Exchange two neighbouring letters inside one word, as fast fingers do."""
        while True:
            name = self.plain()
            at = self._random.randrange(1, len(name) - 1)
            pair = name[at : at + 2]
            if pair.isalpha() and pair[0] != pair[-1]:
                return self.cased(name), self.cased(name[:at] + pair[::-1] + name[at + 2 :])


SAME: tuple[str, ...] = ("title", "spacing", "apostrophe", "old_spelling", "muhammad")
"""Classes of one person that the tolerant profile must accept."""
DIFFERENT: tuple[str, ...] = ("other_word", "sibling", "twin", "other_vowel", "missing_word")
"""Classes of two people, which no profile should accept."""
DEBATABLE: tuple[str, ...] = ("slip",)
"""Classes on which a policy may differ."""


def pairs(name: str, count: int, *, seed: int = 1) -> list[Pair]:
    """Make pairs of a class."""
    make: Callable[[], Pair] = getattr(Names(seed), name)
    return [make() for _ in range(count)]
