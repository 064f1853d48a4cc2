"""A hospital's counter: is the patient who stands here the resident of this number?"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from deploy.demo.captures import EXTRACTOR, HOSPITAL

if TYPE_CHECKING:
    from deploy.demo.demo import Demo
    from deploy.demo.stage import Done

TITLE = "hospital counter: is the patient here the one of the number? (a finger, else the face)"
_BUDGET = 3
"""Failed guesses a day about one resident, in the hospital's agreement."""
_NO, _REFUSED = 1, 4
_PIECE = 48
TRY = (
    (
        HOSPITAL,
        f"padan verify --input first.json --finger patient-1/finger.bin --extractor finger={EXTRACTOR}",
    ),
)


def play(demo: Demo) -> None:
    """A finger matches; a worn one is captured badly twice, then the face matches; an impostor gets nowhere."""
    stage = demo.stage
    first, second, third = (demo.people.named(nik) for nik in demo.patients)
    answers = [
        done := _ask(
            demo,
            "first",
            {"nik": first.nik, "claims": {"name": first.name.title()}},
            "--finger patient-1/finger.bin",
            options="--save-request asked.bin --save-receipt receipt.jws",
        )
    ]
    stage.expect(
        "the finger is of the one who has this number and this name",
        _said(done),
        _all("MATCH", "name", "finger"),
    )

    stage.say(
        "The second patient's finger is worn. Too poor a capture is told before anything is looked up, and costs no"
        f" guess. A day has {_BUDGET} about a resident, and a question that could fail twice is asked next:"
    )
    for number in (1, 2):
        worn = f"--finger patient-2/finger-worn-{number}.bin"
        answers.append(_ask(demo, "second", {"nik": second.nik}, worn, code=_NO))
        stage.expect("capture it again", _said(answers[-1]), _all("QUALITY", "finger"))
    known: dict[str, object] = {"nik": second.nik, "claims": {"name": second.name}}
    answers.append(_ask(demo, "second", known, "--face patient-2/face.bin"))
    stage.expect(
        "the face matches, and no guess was spent before", _said(answers[-1]), _all("MATCH", "name", "face")
    )

    stage.say(
        "Somebody else comes with the third patient's number, with his own finger, then with his face as well:"
    )
    face, finger = "--face patient-1/face.bin", "--finger patient-1/finger.bin"
    for shown, what in ((finger, ("finger",)), (f"{face} {finger}", ("face", "finger"))):
        answers.append(_ask(demo, "third", {"nik": third.nik}, shown, code=_NO))
        stage.expect("he is not the one", _said(answers[-1]), _all("NO_MATCH", *what))
    answers.append(_ask(demo, "third", {"nik": third.nik}, face, code=_REFUSED))
    stage.expect("three guesses are all there are", _said(answers[-1])["outcome"], "BLOCKED")
    _prove(demo)
    _show_entries(demo, answers)
    _search(demo, answers)


def _ask(
    demo: Demo, file: str, about: dict[str, object], shown: str, *, options: str = "", code: int = 0
) -> Done:
    """Ask with captures: options that name their files."""
    question = {**about, "purpose": "admission", "officer": "counter-2", "legal_basis": "public_task"}
    made_by = " ".join(
        f"--extractor {modality}={EXTRACTOR}" for modality in ("face", "finger") if f"--{modality}" in shown
    )
    captured = f"{shown} {made_by} {options}".rstrip()
    return demo.verify(HOSPITAL, file, question, options=captured, code=code, captured=True)


def _said(done: Done) -> dict[str, str]:
    """Read the outcome and the verdict of each attribute from what `padan verify` printed."""
    outcome, *rest = done.out.splitlines()
    return {"outcome": outcome, **dict(line.split()[:2] for line in rest if line.startswith("  "))}


def _all(verdict: str, *attributes: str) -> dict[str, str]:
    return dict.fromkeys(("outcome", *attributes), verdict)


def _prove(demo: Demo) -> None:
    stage = demo.stage
    stage.say(
        "The receipt is of the capture as well, of which the hospital keeps a commitment and no template:"
    )
    stage.run(HOSPITAL, "padan info --jwks --timeout 10 > keys.json")
    done = stage.run(
        HOSPITAL, "padan receipt check receipt.jws --keys keys.json --request asked.bin", lines=2
    )
    stage.expect("it proves this question with this finger", "belongs to it" in done.out)


def _show_entries(demo: Demo, answers: list[Done]) -> None:
    stage = demo.stage
    stage.say(
        "What stands in the log: level, extractor and protection, and no finger's number, template or score."
    )
    done = stage.run(HOSPITAL, "padan-audit list --limit 0 --json --timeout 10 > entries.json")
    stage.expect("each entry fits its public leaf", "each fits its leaf" in done.err)
    lines = (demo.folder(HOSPITAL) / "entries.json").read_text(encoding="utf-8").splitlines()
    entries = [entry for entry in map(json.loads, lines) if entry["kind"] == "VERIFY_BIOMETRIC"]
    rows = [
        (entry["log_time"], f"{entry['outcome']:<8}", f"{', '.join(entry['claims']):<13}", *entry["detail"])
        for entry in entries
    ]
    stage.show("\n".join("  ".join(row) for row in rows))
    asked = sorted(_said(done)["outcome"] for done in answers)
    stage.expect("an entry for each question", sorted(entry["outcome"] for entry in entries), asked)
    told = {entry["detail"][0] for entry in entries}
    stage.expect("each at the level of the agreement", told, {"level=substantial"})


def _search(demo: Demo, answers: list[Done]) -> None:
    """Look for numbers and templates in what the service said."""
    folder = demo.folder(HOSPITAL)
    payload = (folder / "receipt.jws").read_text().split(".")[1]
    said = [done.out for done in answers]
    said += [base64.urlsafe_b64decode(payload + "==").decode(), (folder / "entries.json").read_text()]
    kept = (folder / "asked.bin").read_bytes()
    wanted, held = list(demo.patients), 0
    for path in folder.glob("patient-*/*.bin"):
        data = path.read_bytes()
        for start in range(0, len(data) - _PIECE, 3):
            piece = data[start : start + _PIECE]
            wanted += [piece.hex(), base64.b64encode(piece).decode()]
            held += piece in kept
    found = sum(text.count(each) for text in said for each in wanted)
    stage = demo.stage
    stage.expect("no answer, receipt or entry holds a number or a piece of a template", found, 0)
    stage.expect("nor does the kept question hold a piece of a template", held, 0)
