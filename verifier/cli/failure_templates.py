"""What the commands say when templates or their thresholds fail: rows of the one table in failure.py."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from verifier.cli.failure_row import named, refused, state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.cli.failure_row import Row

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "tokenizer.biometrics.templatefile.TemplateFileError": named(
            "mend the array named above; docs/formats/calibration.md shows the layout of the file"
        ),
        "tokenizer.biometrics.pairs.PairsError": named(
            "take a file with several samples of each of several people"
        ),
        "tokenizer.biometrics.scorefile.ScoreFileError": named(
            "mend the line named above; docs/formats/calibration.md shows the form of the file"
        ),
        "tokenizer.biometrics.calibration.CalibrationError": refused(
            "bring captures of more people, or ask for less with --level; docs/formats/calibration.md has the rules"
        ),
        "tokenizer.biometrics.calibration.ThresholdsError": named(
            "make the file anew with padan-server calibrate templates, or put its copy back"
        ),
        "tokenizer.biometrics.calibration.UnknownExtractorError": state(
            "calibrate it: padan-server calibrate templates; padan-server calibrate show lists what there is"
        ),
        "verifier.synthetic.biometrics.trial.TrialError": named(
            "name a folder that is not there yet, in one that you may write"
        ),
    }
)
