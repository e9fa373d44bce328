"""Every error a user can meet.

SwarmChainError
├── UsageError                 2   the command's words do not fit together
├── ConfigurationError         3   a setting, a file of ours, a port
│   ├── KeyFileError               a key file is missing, locked by another process, or the password is wrong
│   └── UnsupportedVersionError    a format's version is newer than this release knows
├── ChainError                 4   the chain
│   ├── ChainUnreachableError      no answer from the RPC URL
│   ├── WrongChainError            another chain ID or other code than the deployment file says
│   └── TransactionError           a transaction was refused or reverted; carries the contract's error
├── UnknownError               5   no such group, node, seat or round
├── StoreError                 6   the content store
│   ├── NotFoundError              nobody we asked holds these bytes
│   ├── IntegrityError             bytes are not what their digest, layout or root says
│   ├── TooLargeError              more bytes than allowed
│   └── DiskFullError              no room, the disk fails, or another program holds the file; nothing was lost
└── LearningError              7   data, model or numbers
    ├── DataError                  a data file is missing or malformed
    ├── OutOfMemoryError           the device's memory does not hold one image's training
    └── NumericError               NaN, infinity or out of range, with the tensor's name

Messages say what happened, what was kept and what to do. The number is the exit code of the command line.
"""


class SwarmChainError(Exception):
    """Base of every error of ours.

    Args:
        what: what happened, one sentence.
        kept: what was kept or not changed, one sentence; may be empty.
        do: what to do now, one sentence; may be empty.
    """

    exit_code = 1

    def __init__(self, what: str, kept: str = "", do: str = "") -> None:
        super().__init__(" ".join(part for part in (what, kept, do) if part))
        self.what = what
        self.kept = kept
        self.do = do


class UsageError(SwarmChainError):
    exit_code = 2


class ConfigurationError(SwarmChainError):
    exit_code = 3


class KeyFileError(ConfigurationError):
    pass


class UnsupportedVersionError(ConfigurationError):
    pass


class ChainError(SwarmChainError):
    exit_code = 4


class ChainUnreachableError(ChainError):
    pass


class WrongChainError(ChainError):
    pass


class TransactionError(ChainError):
    """A transaction was refused or reverted.

    ``reverted_with`` is the name of the contract's error (``"UnexpectedPhase"``), empty when there is none; ``arguments`` are its values.
    """

    def __init__(
        self,
        what: str,
        kept: str = "",
        do: str = "",
        *,
        reverted_with: str = "",
        arguments: tuple[object, ...] = (),
    ) -> None:
        super().__init__(what, kept, do)
        self.reverted_with = reverted_with
        self.arguments = arguments


class UnknownError(SwarmChainError):
    exit_code = 5


class StoreError(SwarmChainError):
    exit_code = 6


class NotFoundError(StoreError):
    pass


class IntegrityError(StoreError):
    pass


class TooLargeError(StoreError):
    pass


class DiskFullError(StoreError):
    pass


class LearningError(SwarmChainError):
    exit_code = 7


class DataError(LearningError):
    pass


class OutOfMemoryError(LearningError):
    pass


class NumericError(LearningError):
    pass
