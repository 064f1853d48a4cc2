"""The words that the normaliser of names knows: titles, abbreviations, spellings of common names.

Compiled for this project from common Indonesian practice; titles as Permendagri 73/2022 Art. 5 lets them stand on
family and identity cards. Published with the normaliser: a change here is a change of its version.
"""

from __future__ import annotations

from typing import Final

from tokenizer.normalise.wordlist import spellings, words

PREFIX_TITLES: Final = words(
    """
    H HJ HAJI HAJJAH HAJAH HJH KH KYAI KIAI KIYAI TGH TGK TEUNGKU UST USTAD USTADZ USTAZ USTADZAH USTZ HABIB DR DRS DRA
    DRG DRH IR PROF PROFESOR APT NS BD ALM ALMH ALMARHUM ALMARHUMAH BPK BAPAK BP IBU SDR SDRI SAUDARA
    SAUDARI TN TUAN NYONYA NN NONA PDT PENDETA PASTOR ROMO SUSTER PDM PDP JEND LETJEN MAYJEN BRIGJEN KOL
    LETKOL MAYOR KAPT KAPTEN LETTU LETDA PELTU PELDA SERMA SERKA SERTU SERDA KOPKA KOPTU KOPDA PRAKA PRATU
    PRADA LAKSDA LAKSMA LAKSDYA MARSDA MARSMA IRJEN KOMJEN BRIGPOL KOMBES KOMBESPOL AKBP KOMPOL AKP IPTU
    IPDA AIPTU AIPDA BRIPKA BRIPTU BRIPDA RADEN RADENMAS RADENAJENG RADENADJENG RADENRORO RADENRARA
    RADENNGABEHI RM RA RR RAY RNG HC KRT KRMT KRA KPH KRH GRAY GRM BRM BRAY
    """
)
"""Before a name, dotted or not. Dotted parts are read together ("R.A.", "K.H."), and so are COMPOSED ones."""

COMPOSED: Final = words("RADEN KOMBES")
"""Titles that a second word belongs to ("RADEN AJENG")."""

DOTTED_PREFIX_TITLES: Final = words("R HI NY SR FR BR RP BRIG EV PS AN CH")
"""Before a name, only with a dot: without one they may be a name or an initial."""

NOBLE_TITLES: Final = words(
    """
    R T TEUKU TEUKOE TENGKU TENGKOE TEUNGKU TEUNGKOE TGK TGKU TB TBG TUBAGUS TOEBAGOES CUT TJUT TJOET POCUT
    POTJUT DATUK DATOEK DATO DT SUTAN SOETAN NYAI NJAI NYI NJI PUTI POETI
    """
)
"""Before a name, dropped in the tolerant form only: many bear them as part of the name."""

ANDI: Final = "ANDI"
"""A Buginese title and a given name all over the country: dropped in the tolerant form before two words or more."""

PLAIN_DEGREES: Final = words(
    """
    SE SH ST SSI SAG SPD SPDI SPDSD SPSI SSOS SSOSI SIP SIKOM SKOM SKED SKEP SKM SFARM SGZ SHUM SHI SHUT SEI
    SPT SP SPI STP STHI SST SSTP SSN SAP STRKEB STRKEP SPAK MM MH MT MSI MPD MPDI MAG MSC MKES MKOM MHUM MHI
    MKN MKEP MTI MAK MIKOM MBA MFARM MPSI MSOS MSN MPH MKM AMD AMDKEB AMDKEP AMK AMKEB BSC LC LLM PHD SPOG
    SPPD SPJP SPKK NERS ALM ALMH
    """
)
"""After a name even without a dot or comma: none of them is a name."""

DEGREES: Final = PLAIN_DEGREES | words(
    """
    SS SPDK SPDAUD SKEPNS SFIL SESY STH SDS SIKH SIAN SADM SAK SAKUN SAB SAKT SARS SSTPI SKH SKG SKPM SPAR
    STR STRT STRAK STRKOM STRGZ STRKES STRIP SUD SPW SKPD SSY SHD SBNS SPN STREG STK SIK SPAUD SMN SMB SM
    SSTARS STPAR SDN MA MED MPDK MHKES MAKT MAP MIP MSE MSY MESY MEI ME MENG MFIL MTH MDIV MARS MAB MSP MGZ
    MPHIL MMTEK MTPN MEC MECDEV MUD MTHI MDS MHAN MDM MMSI MPAR MADM MTR MTRIP MLING AMKG AMF AMG AMAPD
    AMAPKB AMAK AMKL AMDGZ AMDKOM AMDAK AMDRAD AMDFARM AMDT AMDPAR BA BE BBA BCOM BENG BIT BED BACC LLB JD
    DBA DEA EDD DIPL DIPLING SPA SPB SPM SPTHT SPS SPAN SPKJ SPRAD SPPK SPU SPOT SPBS SPP SPKFR SPPA SPKG
    SPBM SPORT SPGK SPOK SPPROS SPFK SPMK FINASIM FINACS FICS NS APT IPM IPU IPP ASEANENG AK CA CPA CFP CMA
    CPHR CHRP QIA CIA CISA CRMP CSRS PIA BKP MCL CLA CTL CHT CPM CRMO
    """
)
"""After a name with a dot or behind a comma: degrees, specialisations, professions."""

MUHAMMAD: Final = words(
    """
    MUH MOH MHD MUHD MOHD MOCH MUCH MOC MCH MKH MOKH MUKH MHMD MHMMD MHMAD MUHAM MUHMD MOHM MUHM MOEH MOEHD
    MOECH MOEKH MUHAMMAD MUHAMAD MUHAMMD MUHAMED MUHAMMED MUHAMMET MUHAMMAT MUHAMAT MUHAMMADD MUHMMAD
    MUHAMMMAD MUHAMAAD MUHAMMAAD MOHAMMAD MOHAMAD MOHAMED MOHAMMED MOHAMET MOHAMMAT MOHAMAT MOHAMMD
    MOCHAMMAD MOCHAMAD MOCHAMED MOCHAMMED MOCHAMAT MUCHAMMAD MUCHAMAD MUCHAMMED MUCHAMED MUCHAMAT MUCHAMMAT
    MOKHAMMAD MOKHAMAD MOKHAMED MUKHAMMAD MUKHAMAD MUKHAMED MUKHAMMED MOEHAMMAD MOEHAMAD MOEHAMMED MOEHAMED
    MOECHAMMAD MOECHAMAD MOEKHAMMAD MOEKHAMAD MEHMED MEHMET
    """
)
"""MUHAMMAD and its spellings and abbreviations, in any place of a name."""

MUHAMMAD_FIRST: Final = words("MD HM")
"""Abbreviations of MUHAMMAD (or H. MUHAMMAD) as the first of several words; M is one before any other word."""

AHMAD: Final = words(
    """
    AHMAD ACHMAD AKHMAD ACHMADD AHMED ACHMED AKHMED AHMMAD AHMAT ACHMAT AKHMAT ACH AKH AHM AHMD ACHM AKHM
    ACHD AHD
    """
)
"""AHMAD and its spellings and abbreviations. A alone counts only as the first of several words."""

ABDUL: Final = words("ABDUL ABD ABDL ABDOEL ABDOL ABDEL ABDULL ABDUUL")
"""ABDUL and its spellings and abbreviations, before another word."""

SITI: Final = words("SITI SITTI SITHI ST STI SITY SYITI SIITI")
"""SITI and its spellings and abbreviations, before another word."""

ABDUL_ASSIMILATED: Final = words("ABDUR ABDUS ABDUN ABDUT ABDUD ABDUZ ABDOER ABDOES ABDOEN")
"""ABDUL before a word that begins with its last letter, as Arabic speaks it."""

PARTICLES: Final = words("BIN BINTI BR BORU BERU BTE BT BINTE BTI")
"""Between two words they say whose child somebody is, or that a clan's member is a woman."""

WORDS: Final = spellings(
    """
    NUR: NOR NUUR
    CANDRA: CHANDRA
    CANDRAWATI: CHANDRAWATI
    CANIAGO: CHANIAGO
    CAHYA: CHAHYA
    CAHYADI: CHAHYADI
    CIKA: CHIKA
    CINTYA: CHINTYA CHINTIA
    CINTA: CHINTA
    CITRA: CHITRA
    CICI: CHICI CHICHI
    CANTIKA: CHANTIKA
    DAENG: DG
    BAIQ: BQ
    BINTI: BTE BT BINTE BTI
    LUMBAN: LBN
    LUMBANTOBING: LTOBING
    ZULKIFLI: JULKIFLI DZULKIFLI DZULKIPLI JULKIPLI
    ZULFIKAR: DZULFIKAR JULFIKAR
    ZIKRI: DZIKRI
    ZAKI: DZAKI DZAKY
    AZIZ: ASIS ASIZ AJIZ ADZIZ
    FAUZI: PAUJI
    FAUZIAH: PAUJIAH
    ZAINAL: JAENAL JAINAL
    ZAINUDIN: JAENUDIN JAINUDIN
    ZAENUDIN: JAENUDDIN JAINUDDIN
    MARUF: MAKRUF
    NIMAH: NIKMAH
    NIMAT: NIKMAT
    SABAN: SAKBAN SYAKBAN
    SADIYAH: SAKDIYAH SAKDIAH
    NUMAN: NUKMAN
    MUMIN: MUKMIN
    MUMINAH: MUKMINAH
    MAMUN: MAKMUN
    MASUM: MAKSUM
    MASUMAH: MAKSUMAH
    JAFAR: JAKFAR
    ISHAK: ISKAK
    YAKUP: YAKUB YAQUB JAKUB YAKOB
    AYUP: AYUB AYYUB
    USMAN: UTSMAN OTHMAN USTMAN OSMAN OESMAN
    UMAR: OMAR OEMAR
    """
)
"""Whole words, after dots and apostrophes are gone, to the spelling under which they are compared."""

BALINESE: Final = spellings(
    """
    GUSTI: GST GT GUS
    NGURAH: NGR NGRH NGRAH
    BAGUS: BGS BG
    AGUNG: AG AGG AGNG
    ISTRI: IST ISTR
    AYU: AY
    WAYAN: WY WYN WAY YAN WJ
    PUTU: PT PTU
    GEDE: GD GDE GED
    MADE: MD MDE
    KADEK: KD KDK KADE
    NENGAH: NGH NNGH NENG NGAH
    NYOMAN: NY NYM NYMN NYO NYN NYMAN NJ NJM
    KOMANG: KM KMG KOM KMNG
    KETUT: KT KTT KET KTUT
    LUH: LH
    DEWA: DW DWA DEWE
    COKORDA: COK TJOK TJOKORDA TJOKORDE COKORDE CHOKORDA
    DESAK: DSK
    SAGUNG: SG
    RAKA: RK
    OKA: OK
    """
)
"""Abbreviations and spellings of Balinese names."""

BALINESE_ANYWHERE: Final = words(
    """
    GST NGR NGRH WYN NYM NYMN KMG KTT GDE KDK COK TJOK TJOKORDA TJOKORDE COKORDE CHOKORDA
    """
)
"""Balinese abbreviations that are nothing else, so that they count in every name."""

BALINESE_MARKS: Final = words(
    """
    I NI IDA GUSTI GST ANAK COK COKORDA TJOK TJOKORDA DEWA DW DESAK DSK NGAKAN SAGUNG GUSTU
    """
)
"""First words after which every Balinese abbreviation counts."""

BALINESE_HEADS: Final = {
    tuple(head.split("-")): tuple(form.split())
    for head, form in spellings(
        """
        IDA BAGUS: I-B IB IDA-B IDA-BGS
        IDA AYU: I-A IA IDA-A DAYU
        ANAK AGUNG: A-A AA ANAK-AG AAG A-AG A-AGUNG
        I GUSTI: I-G
        I GUSTI NGURAH: I-G-N IGN I-GN
        I GUSTI AYU: I-G-A IGA
        I GUSTI BAGUS: I-G-B IGB
        I GUSTI PUTU: I-G-P IGP
        I GUSTI MADE: I-G-M IGM
        I GUSTI KETUT: I-G-K IGK
        I WAYAN: I-W
        I MADE: I-M
        I NYOMAN: I-N
        I KETUT: I-K
        I PUTU: I-P
        NI WAYAN: NI-W
        NI MADE: NI-M
        NI NYOMAN: NI-N
        NI KETUT: NI-K
        NI PUTU: NI-P
        NI LUH: NI-L
        """
    ).items()
}
"""Beginnings of Balinese names, where at least one more word follows."""

BALINESE_FIRST: Final = BALINESE_MARKS | {head[0] for head in BALINESE_HEADS}
"""First words of names that may be Balinese."""
