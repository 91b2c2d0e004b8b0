"""Text to vectors: finds a model, runs it, and knows which embedding space its vectors are of."""

from semsearch.encoder.encoder import Encoded, Encoder, TokenVectors
from semsearch.encoder.input_parts import InputParts
from semsearch.encoder.masked import LikelyToken, MaskedLanguageModel
from semsearch.encoder.runtimes.runtime import Progress
from semsearch.encoder.spec import EncoderOptions
from semsearch.encoder.tokenizer import TextTokens

__all__ = [
    "Encoded",
    "Encoder",
    "EncoderOptions",
    "InputParts",
    "LikelyToken",
    "MaskedLanguageModel",
    "Progress",
    "TextTokens",
    "TokenVectors",
]
