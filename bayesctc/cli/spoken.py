"""Messages of the package in the words of the command line: `--time-unit` instead of `time_unit=`."""

import re
from collections.abc import Iterable
from functools import partial

# arguments whose option has another name
NAMES = {"columns": "map", "n_classes": "classes", "n_starts": "starts", "random_seed": "seed"}
_PHRASES = (
    (r"columns=\{'(\w+)': \.\.\.\}", r"--map \1=COLUMN"),
    (r"columns=\{'(\w+)': '([^']+)'\}", r"--map \1=\2"),
    (r"marker=bc\.Marker\(\.\.\.\), family='gaussian'", "--marker COLUMN --family gaussian"),
    (r"order the levels: pd\.Categorical\(column, \[first, \.\.\.\]\)", "use --levels COLUMN=FIRST,OTHERS"),
    (
        r"see fit\.modes, or the table of modes in the report",
        "see modes.csv (fit --ml) or the table of modes in the report",
    ),
    (r" \(the error's \.problems lists all\)", ""),
    (r"Marker\(column=\.\.\.\)", "--marker COLUMN"),
    (r"causes=(?:, such as )?\{'(\w+)': \('(\w+)', '(\w+)'\)\}", r"--causes \1=\2,\3"),
    (r"\{'(\w+)': \('(\w+)', '(\w+)'\)\}", r"\1=\2,\3"),
    (r"have to be named in causes", "have to be named, such as --causes ttf=progression,toxicity"),
    (r"such as \('(\w+)', '(\w+)'\)", r"such as \1,\2"),
    (r" \(baseline_window\)", ""),
    (r"each with your name for that column as its value", "as in --map ctc=CELLS"),
    (r"exclude those patients with cohort\.select\(\)", "remove those patients from the file"),
    (r"exclude the others with cohort\.select\(\)", "remove the others from the file"),
    (r"\bPriors\.(\w+)", r"--priors: \1"),
)
_VALUE = r"'([^']*)'|(None|True|False)|(\d[\d.]*)"


def spoken(text: str, options: Iterable[str]) -> str:
    """A message with the names of options.

    Parameters
    ----------
    text : str
    options : iterable of str
        Names of the command's options, with underscores, such as those of a namespace of argparse.

    Returns
    -------
    str
    """
    for pattern, said in _PHRASES:
        text = re.sub(pattern, said, text)
    names = NAMES | {name: name for name in options if name not in ("settings", "command")} | {"causes": "causes"}
    for name, option in names.items():
        said, free = f"--{option.replace('_', '-')}", rf"(?<![\w'\"`.-]){name}"
        text = re.sub(rf"{free}=(?:{_VALUE})", partial(_with_value, said), text)
        text = re.sub(rf"{free}=(?!\w)", said, text)
        text = re.sub(rf"^{name}(?=:| has to | have to | belongs? )", said, text)
        if "_" in name:
            text = re.sub(rf"{free}(?![\w'\"])", said, text)
    return text


def _with_value(said: str, found: re.Match) -> str:
    """An option and its value."""
    return f"{said} {_plain(found)}".rstrip()


def _plain(found: re.Match) -> str:
    """A Python value as the command line takes it; True is the option alone."""
    text, constant, number = found.groups()
    if text is not None:
        return text if text and " " not in text else f'"{text}"'
    return {"None": "none", "True": "", "False": "off"}.get(constant, constant) if constant else number
