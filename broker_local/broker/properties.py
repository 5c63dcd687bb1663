"""Files of settings as Kafka's `server.properties`: a `name=value` a line.

    # how long records stay
    log.retention.hours=24

Lines that are empty or begin with `#` or `!` say nothing. A value ends with its line; a later line wins.
"""

from __future__ import annotations

from broker_local.broker.settings import SettingAssignment, WrongSetting, given

IN_DIRECTORY = "broker.properties"
"""The file in a data directory that every broker of that directory reads."""


def read_properties(path: str) -> list[SettingAssignment]:
    """The settings of a file, in order.

    Raises:
        WrongSetting: it cannot be read, or a line is no setting; the text names file and line.
        FileNotFoundError: there is no such file; NotADirectoryError: nor can there be one.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise WrongSetting(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise WrongSetting(f"{path} is no text in UTF-8: byte {error.start}") from None
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [given(f"{path}, line {number}: ", line) for number, line in lines if line and line[0] not in "#!"]
