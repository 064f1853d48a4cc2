"""The words that the normaliser knows: titles, abbreviations, spellings of common names.

Compiled for this project from common Indonesian practice; titles as Permendagri 73/2022 Art. 5 lets them stand on family
and identity cards. Published with the normaliser: a change here is a change of its version.
"""

from __future__ import annotations

from typing import Final

_SPLIT = str.split

PREFIX_TITLES: Final = frozenset(
    _SPLIT(
        """
        H HJ HAJI HAJJAH HAJAH HJH KH KHR KYAI KIAI KIYAI TGH UST USTAD USTADZ USTAZ USTADZAH USTZ HABIB
        DR DRS DRA DRG DRH IR PROF PROFESOR APT NS BD
        ALM ALMH ALMARHUM ALMARHUMAH
        BPK BAPAK BP IBU SDR SDRI SAUDARA SAUDARI TN TUAN NYONYA NN NONA
        PDT PENDETA PASTOR ROMO SUSTER PDM PDP EVANG
        JEND LETJEN MAYJEN BRIGJEN KOL LETKOL MAY MAYOR KAPT KAPTEN LETTU LETDA PELTU PELDA SERMA SERKA SERTU SERDA
        KOPKA KOPTU KOPDA PRAKA PRATU PRADA LAKSDA LAKSMA LAKSDYA MARSDA MARSMA
        KOMBES KOMBESPOL AKBP KOMPOL AKP IPTU IPDA AIPTU AIPDA BRIPKA BRIGPOL BRIPTU BRIPDA IRJEN KOMJEN
        RADEN RM RA RR RAY RNG KRT KRMT KRA KPH KRH GRAY GRM BRM BRAY RADENMAS RADENAJENG RADENAYU RADENRORO
        """
    )
)
"""Before a name, dotted or not; several dotted parts are read together ("R.A.", "K.H.")."""

DOTTED_PREFIX_TITLES: Final = frozenset(_SPLIT("R HI NY SR FR BR RP KAPT BRIG SDR S.PD EV PS AN"))
"""Before a name, only with a dot: without one they may be a name or an initial."""

RADEN_RANKS: Final = frozenset(_SPLIT("MAS AJENG AYU RORO RARA NGABEHI TUMENGGUNG PANJI"))
"""After RADEN, part of the title where a name follows."""

NOBLE_TITLES: Final = frozenset(
    _SPLIT("R T TEUKU TENGKU TEUNGKU TGK TGKU TB TBG TUBAGUS CUT POCUT DATUK DATO DT SUTAN NYAI NYI")
)
"""Before a name, dropped in the tolerant form only: many bear them as part of the name."""

DEGREES: Final = frozenset(
    _SPLIT(
        """
        SE SH ST SSI SS SAG SPD SPDI SPDSD SPDK SPDAUD SPSI SSOS SSOSI SIP SIKOM SKOM SKED SKEP SKEPNS SKM SFARM SFIL SGZ SHUM SHI SHUT SEI SESY
        SPT SP SPI STP STHI STH SST SSTP SSN SDS SDES SIKH SIAN SADM SAK SAKUN SAB SAP SAKT SARS SSTPI SKH SKG SKPM SPAK SPAR STRKEB STRKEP STR
        STRT STRAK STRKOM STRGZ STRKES STRIP SUD SPW SKPD SSY SHD SBNS SPN STREG STK SIK SPAUD SMN SMB SM SSTARS STPAR SDN
        MM MH MT MSI MPD MPDI MPDK MAG MSC MA MKES MKOM MHUM MHI MHKES MKN MKEP MTI MAK MAKT MAP MIP MIKOM MBA MFARM MED MPSI MSOS MSN MSE MSY MESY MEI
        ME MENG MFIL MTH MDIV MARS MAB MSP MPH MGZ MPHIL MMTEK MTPN MKM MEC MECDEV MUD MTHI MDS MHAN MDM MMSI MPAR MADM MTR MTRIP MLING
        AMD AMDKEB AMDKEP AMK AMKEB AMKG AMF AMG AMAPD AMAPKB AMAK AMKL AMDGZ AMDKOM AMDAK AMDRAD AMDFARM AMDT AMDPAR
        BA BE BSC BBA BCOM BENG BIT BED BACC LC LLM LLB JD PHD DBA DEA EDD DIPL DIPLING
        SPA SPOG SPB SPPD SPM SPTHT SPJP SPS SPKK SPAN SPKJ SPRAD SPPK SPU SPOT SPBS SPP SPKFR SPPA SPKG SPBM SPORT SPGK SPOK SPN SPPROS SPFK SPMK
        FINASIM FINACS FICS NERS NS APT IPM IPU IPP ASEANENG AK CA CPA CFP CMA CPHR CHRP QIA CIA CISA CRMP CSRS PIA BKP MCL CLA CTL CHT CPM CRMO
        """
    )
)
"""After a name: degrees, specialisations, professions, without dots."""

PLAIN_DEGREES: Final = frozenset(
    _SPLIT(
        """
        SE SH ST SSI SAG SPD SPDI SPDSD SPSI SSOS SSOSI SIP SIKOM SKOM SKED SKEP SKM SFARM SGZ SHUM SHI SHUT SEI SPT SP SPI STP STHI SST SSTP SSN SAP
        STRKEB STRKEP SPAK MM MH MT MSI MPD MPDI MAG MSC MKES MKOM MHUM MHI MKN MKEP MTI MAK MIKOM MBA MFARM MPSI MSOS MSN MPH MKM
        AMD AMDKEB AMDKEP AMK AMKEB BSC LC LLM PHD SPOG SPPD SPJP SPKK NERS ALM ALMH
        """
    )
)
"""Degrees that stand after a name without any dot or comma and are no name themselves."""

MUHAMMAD: Final = frozenset(
    _SPLIT(
        """
        MUH MOH MHD MUHD MOHD MOCH MUCH MOC MCH MKH MOKH MUKH MHMD MHMMD MHMAD MUHAM MHOD MUHMD MOHM MUHM
        MUHAMMAD MUHAMAD MUHAMMD MUHAMED MUHAMMED MUHAMMET MUHAMMAT MUHAMAT MUHAMMADD MUHMMAD MUHAMMMAD MUHAMAAD MUHAMMAAD
        MOHAMMAD MOHAMAD MOHAMED MOHAMMED MOHAMET MOHAMMAT MOHAMAT MOHAMMD MOHAMADD
        MOCHAMMAD MOCHAMAD MOCHAMED MOCHAMMED MOCHAMAT MUCHAMMAD MUCHAMAD MUCHAMMED MUCHAMED MUCHAMAT MUCHAMMAT
        MOKHAMMAD MOKHAMAD MOKHAMED MUKHAMMAD MUKHAMAD MUKHAMED MUKHAMMED
        MOEHAMMAD MOEHAMAD MOEHAMMED MOEHAMED MOECHAMMAD MOECHAMAD MOEKHAMMAD MOEKHAMAD MOEH MOEHD MOECH MOEKH
        MEHMED MEHMET
        """
    )
)
"""MUHAMMAD and its spellings and abbreviations, in any place of a name. """

MUHAMMAD_FIRST: Final = frozenset({"M", "MD"})
"""Abbreviations of MUHAMMAD before another word, at the beginning of a name."""

AHMAD: Final = frozenset(
    _SPLIT(
        "AHMAD ACHMAD AKHMAD ACHMADD AHMED ACHMED AKHMED AHMMAD AHMAT ACHMAT AKHMAT ACH AKH AHM AHMD ACHM AKHM ACHD AHD AMAD"
    )
) - {"AMAD"}
"""AHMAD and its spellings and abbreviations. A alone counts only as the first of several words."""

ABDUL: Final = frozenset(_SPLIT("ABDUL ABD ABDL ABDOEL ABDOL ABDEL ABDULL ABDUUL ABDI'L ABDLH ABDUH")) - {
    "ABDI'L",
    "ABDLH",
    "ABDUH",
}
"""ABDUL and its spellings and abbreviations, before another word."""

SITI: Final = frozenset(_SPLIT("SITI SITTI SITHI ST STI SITY SYITI SIITI"))
"""SITI and its spellings and abbreviations, before another word."""

WORDS: Final = {
    "CHANDRA": "CANDRA", "CHANDRAWATI": "CANDRAWATI", "CHANIAGO": "CANIAGO", "CHRISTIAN": "KRISTIAN", "CHAHYA": "CAHYA",
    "CHAHYADI": "CAHYADI", "CHOKORDA": "COKORDA", "CHIKA": "CIKA", "CHINTYA": "CINTYA", "CHINTIA": "CINTIA",
    "CHINTA": "CINTA", "CHITRA": "CITRA", "CHICI": "CICI", "CHICHI": "CICI", "CHANTIKA": "CANTIKA",
    "DJOEL": "JOEL",
    "ABU": "ABU", "ABOE": "ABU",
    "TQK": "TGK",
    "DG": "DAENG", "DAENG": "DAENG", "BQ": "BAIQ",
    "BTE": "BINTI", "BT": "BINTI", "BINTE": "BINTI", "BTI": "BINTI",
    "LUMBANTOBING": "LUMBANTOBING", "LBN": "LUMBAN", "LTOBING": "LUMBANTOBING",
    "JULKIFLI": "ZULKIFLI", "DZULKIFLI": "ZULKIFLI", "DZUL": "ZUL", "DZULFIKAR": "ZULFIKAR", "DZIKRI": "ZIKRI",
    "DZAKY": "ZAKI", "DZAKI": "ZAKI", "DZAKIYYAH": "ZAKIYAH",
    "RISQI": "RIZKI", "RISKI": "RIZKI", "RISKY": "RIZKI", "RIZQI": "RIZKI", "RIZQY": "RIZKI", "RIZKY": "RIZKI",
    "RISQY": "RIZKI", "RIZQIE": "RIZKI", "RIZKIE": "RIZKI",
    "RISKA": "RIZKA", "RIZQA": "RIZKA",
    "AZIS": "AZIZ", "ASIS": "AZIZ", "ASIZ": "AZIZ", "AJIZ": "AZIZ", "ADZIZ": "AZIZ",
    "FAUSI": "FAUZI", "FAOZI": "FAUZI", "PAUZI": "FAUZI", "PAUJI": "FAUZI", "FAUJI": "FAUZI",
    "FAUSIAH": "FAUZIAH", "FAOZIAH": "FAUZIAH", "PAUZIAH": "FAUZIAH", "FAUJIAH": "FAUZIAH",
    "RAHMAD": "RAHMAT", "RACHMAD": "RAHMAT", "RAKHMAD": "RAHMAT", "ROCHMAD": "RAHMAT", "ROHMAD": "RAHMAT",
    "NOVITASARY": "NOVITASARI",
    "JAENAL": "ZAINAL", "JAINAL": "ZAINAL", "JAENUDIN": "ZAINUDIN", "JAINUDIN": "ZAINUDIN",
    "MAKRUF": "MARUF", "NIKMAH": "NIMAH", "NIKMAT": "NIMAT", "SAKBAN": "SABAN", "SYAKBAN": "SYABAN",
    "SAKDIYAH": "SADIYAH", "SAKDIAH": "SADIAH", "MUKMIN": "MUMIN", "MUKMINAH": "MUMINAH", "MAKMUN": "MAMUN", "MAKMUM": "MAMUM",
    "MAKSUM": "MASUM", "MAKSUMAH": "MASUMAH", "RUKYAH": "RUYAH", "ROKHYAH": "RUYAH", "JAKFAR": "JAFAR", "JAKFAAR": "JAFAR",
    "ISKAK": "ISHAK", "ISHAQ": "ISHAK", "ISAK": "ISHAK",
    "YAKUB": "YAKUP", "YAQUB": "YAKUP", "YAKOB": "YAKUP",
    "AYUB": "AYUP", "AYYUB": "AYUP",
    "UTSMAN": "USMAN", "OTHMAN": "USMAN", "USTMAN": "USMAN", "OSMAN": "USMAN",
    "OMAR": "UMAR", "OEMAR": "UMAR",
}  # fmt: skip
"""Whole words, after dots and apostrophes are gone, to the spelling under which they are compared."""

BALINESE_MARKS: Final = frozenset(
    _SPLIT("I NI IDA GUSTI GST ANAK COK COKORDA TJOK TJOKORDA DEWA DW DESAK DSK NGAKAN SAGUNG GUSTU")
)
"""First words that make the Balinese abbreviations below apply to the rest of a name."""

BALINESE: Final = {
    "GST": "GUSTI", "GT": "GUSTI", "GUS": "GUSTI", "NGR": "NGURAH", "NGRH": "NGURAH", "NGRAH": "NGURAH", "BGS": "BAGUS", "BG": "BAGUS",
    "AG": "AGUNG", "AGG": "AGUNG", "AGNG": "AGUNG", "IST": "ISTRI", "ISTR": "ISTRI", "AY": "AYU",
    "WY": "WAYAN", "WYN": "WAYAN", "WAY": "WAYAN", "YAN": "WAYAN", "PT": "PUTU", "PTU": "PUTU", "GD": "GEDE", "GDE": "GEDE", "GED": "GEDE",
    "MD": "MADE", "MDE": "MADE", "KD": "KADEK", "KDK": "KADEK", "KADE": "KADEK", "NGH": "NENGAH", "NNGH": "NENGAH", "NENG": "NENGAH",
    "NGAH": "NENGAH", "NY": "NYOMAN", "NYM": "NYOMAN", "NYMN": "NYOMAN", "NYO": "NYOMAN", "NYN": "NYOMAN", "NYMAN": "NYOMAN",
    "KM": "KOMANG", "KMG": "KOMANG", "KOM": "KOMANG", "KMNG": "KOMANG", "KT": "KETUT", "KTT": "KETUT", "KET": "KETUT", "KTUT": "KETUT",
    "LH": "LUH", "DW": "DEWA", "DWA": "DEWA", "COK": "COKORDA", "TJOK": "COKORDA", "TJOKORDA": "COKORDA", "DSK": "DESAK",
    "DEWE": "DEWA", "SG": "SAGUNG", "SAYU": "SAYU", "RK": "RAKA", "OK": "OKA",
}  # fmt: skip
"""Abbreviations of Balinese names."""

BALINESE_ANYWHERE: Final = frozenset(_SPLIT("GST NGR NGRH WYN NYM NYMN KMG KTT GDE KDK COK TJOK TJOKORDA"))
"""Balinese abbreviations that are nothing else, so that they count in every name."""

BALINESE_HEADS: Final = {
    ("I", "B"): ("IDA", "BAGUS"), ("IB",): ("IDA", "BAGUS"), ("IDA", "B"): ("IDA", "BAGUS"), ("IDA", "BGS"): ("IDA", "BAGUS"),
    ("I", "A"): ("IDA", "AYU"), ("IA",): ("IDA", "AYU"), ("IDA", "A"): ("IDA", "AYU"), ("DAYU",): ("IDA", "AYU"),
    ("A", "A"): ("ANAK", "AGUNG"), ("AA",): ("ANAK", "AGUNG"), ("ANAK", "AG"): ("ANAK", "AGUNG"), ("AAG",): ("ANAK", "AGUNG"),
    ("A", "AG"): ("ANAK", "AGUNG"), ("A", "AGUNG"): ("ANAK", "AGUNG"),
    ("I", "G"): ("I", "GUSTI"), ("I", "GN"): ("I", "GUSTI", "NGURAH"), ("IGN",): ("I", "GUSTI", "NGURAH"),
    ("I", "G", "N"): ("I", "GUSTI", "NGURAH"), ("I", "G", "A"): ("I", "GUSTI", "AYU"), ("IGA",): ("I", "GUSTI", "AYU"),
    ("I", "G", "B"): ("I", "GUSTI", "BAGUS"), ("IGB",): ("I", "GUSTI", "BAGUS"), ("I", "G", "P"): ("I", "GUSTI", "PUTU"),
    ("I", "G", "M"): ("I", "GUSTI", "MADE"), ("IGM",): ("I", "GUSTI", "MADE"), ("IGP",): ("I", "GUSTI", "PUTU"),
    ("I", "G", "K"): ("I", "GUSTI", "KETUT"), ("IGK",): ("I", "GUSTI", "KETUT"),
    ("I", "W"): ("I", "WAYAN"), ("I", "M"): ("I", "MADE"), ("I", "N"): ("I", "NYOMAN"), ("I", "K"): ("I", "KETUT"),
    ("I", "P"): ("I", "PUTU"), ("NI", "W"): ("NI", "WAYAN"), ("NI", "M"): ("NI", "MADE"), ("NI", "N"): ("NI", "NYOMAN"),
    ("NI", "K"): ("NI", "KETUT"), ("NI", "P"): ("NI", "PUTU"), ("NI", "L"): ("NI", "LUH"),
}  # fmt: skip
"""Beginnings of Balinese names, where at least one more word follows."""

BALINESE_FIRST: Final = BALINESE_MARKS | {head[0] for head in BALINESE_HEADS}
"""First words of names that may be Balinese."""
PARTICLES: Final = frozenset(_SPLIT("BIN BINTI BR BORU BERU BTE BT BINTE BTI"))
"""Between two words they say whose child somebody is, or that a clan's member is a woman."""
