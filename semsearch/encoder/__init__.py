"""Text to vectors: finds a model, runs it, and knows which embedding space its vectors are of."""

from semsearch.encoder.encoder import Encoded, Encoder
from semsearch.encoder.input_parts import InputParts
from semsearch.encoder.masked import MaskedLanguageModel
from semsearch.encoder.runtimes.runtime import Precision, Progress
from semsearch.encoder.spec import EncoderOptions

__all__ = ["Encoded", "Encoder", "EncoderOptions", "InputParts", "MaskedLanguageModel", "Precision", "Progress"]
