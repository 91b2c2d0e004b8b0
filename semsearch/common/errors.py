"""Every error that semsearch raises on purpose.

The tree::

    SemsearchError
    ├── InputError                what the user handed in cannot be used
    │   ├── MissingPathError      no file or folder of that name
    │   ├── RecordError           one record (a JSONL line, a CSV row) is broken
    │   └── DuplicateIdError      two documents claim one id
    ├── ModelError                the encoder cannot be made
    │   ├── ModelNotFoundError    no folder, no package, no Hub copy of that name
    │   ├── DamagedModelError     the weights are not what they should be
    │   └── UnsupportedModelError a model or a runtime that this program cannot run
    ├── CollectionError           a collection cannot be used as asked
    │   ├── CollectionNotFoundError
    │   ├── CollectionExistsError
    │   ├── SpaceMismatchError    the encoder is not the one that made the vectors
    │   ├── LockedError           another process is writing
    │   ├── DamagedError          bytes on disk differ from what was committed
    │   ├── FormatError           written by a newer semsearch
    │   └── StorageError          the disk refuses: full, read-only, no permission
    ├── MissingExtraError         an optional library is not installed
    ├── DeviceError               a device that is not here, or that nothing installed can use
    └── QueryError                a question that has no answer: empty text, k of 0

A message says what is wrong, the offending value, and the next step, in one line.
The command line prints it as ``error: …`` and exits with 1.
"""

from __future__ import annotations

__all__ = [
    "NONSENSE",
    "CollectionError",
    "CollectionExistsError",
    "CollectionNotFoundError",
    "DamagedError",
    "DamagedIndexWarning",
    "DamagedModelError",
    "DeviceError",
    "DuplicateIdError",
    "FormatError",
    "InputError",
    "LockedError",
    "MissingExtraError",
    "MissingPathError",
    "ModelError",
    "ModelNotFoundError",
    "QueryError",
    "RecordError",
    "SampleWarning",
    "SemsearchError",
    "SpaceMismatchError",
    "StorageError",
    "TruncationWarning",
    "UnknownTokensWarning",
    "UnsupportedModelError",
]


NONSENSE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError, MemoryError)
"""What may be raised where stored or foreign data are parsed that make no sense: all of it means "not understood"."""


class SemsearchError(Exception):
    """The root: catch this to catch all of them."""


class InputError(SemsearchError):
    """A path, a file or a text that cannot be used."""


class MissingPathError(InputError):
    """There is no file or folder of that name."""


class RecordError(InputError):
    """One record of a file is broken; the others may be fine."""


class DuplicateIdError(InputError):
    """Two documents claim the same id."""


class ModelError(SemsearchError):
    """An encoder cannot be made or cannot do what was asked."""


class ModelNotFoundError(ModelError):
    """No model of that name in any place that was searched."""


class DamagedModelError(ModelError):
    """Model files differ from what they must be."""


class UnsupportedModelError(ModelError):
    """The model or the runtime asked for cannot be run here."""


class CollectionError(SemsearchError):
    """A collection cannot be used as asked."""


class CollectionNotFoundError(CollectionError):
    """No collection of that name."""


class CollectionExistsError(CollectionError):
    """A collection of that name is there already."""


class SpaceMismatchError(CollectionError):
    """The encoder's fingerprint is not the collection's."""


class LockedError(CollectionError):
    """Another process holds the writer's lock."""


class DamagedError(CollectionError):
    """Stored bytes do not match their checksum."""


class FormatError(CollectionError):
    """The collection was written by a newer program."""


class StorageError(CollectionError):
    """The file system refused a write or a read."""


class MissingExtraError(SemsearchError):
    """A library that only some uses need is not installed."""


class DeviceError(SemsearchError):
    """There is no such device, or nothing installed can use it."""


class QueryError(SemsearchError):
    """A query that cannot be answered as it stands."""


class DamagedIndexWarning(UserWarning):
    """An index file cannot be used; answers are as right without it, but slower."""


class SampleWarning(UserWarning):
    """A question was answered from a part of the data; says how large a part."""


class TruncationWarning(UserWarning):
    """Texts were longer than the encoder's maximum; says how many and how much was cut."""


class UnknownTokensWarning(UserWarning):
    """Texts have tokens that the encoder's vocabulary has not, all of which it reads as the same one."""
