"""English words that say how others belong together, and little by themselves: the closed word classes."""

from __future__ import annotations

__all__ = ["STOP_WORDS"]

_ENGLISH = """
a an the this that these those
i me my mine myself we us our ours ourselves you your yours yourself yourselves
he him his himself she her hers herself it its itself they them their theirs themselves one ones
who whom whose which what whatever whichever whoever
anyone anybody anything someone somebody something everyone everybody everything nobody nothing none
all any both each either neither every few many more most much several some such other others another enough
same own least less last latter former
am is are was were be been being do does did done doing have has had having
can could may might must shall should will would cannot
become becomes became becoming seem seems seemed seeming make made get give put go take keep see call show find found
about above across after against along amid among amongst around as at before behind below beneath beside besides
between beyond by despite down during except for from in inside into like near of off on onto out outside over per
since through throughout till to toward towards under until unto up upon via with within without
and but or nor so yet if because although though unless whereas whether while than
when whenever where wherever why how however therefore thus hence whereby wherein whereupon thereby therein thereupon
here there now then once again already always almost also else elsewhere even ever further indeed just meanwhile
moreover never nevertheless next not no often only otherwise perhaps please quite rather really sometimes still
together too very well yes etc ie eg re hereby herein
anyhow anyway anywhere everywhere nowhere somehow somewhere sometime mostly namely afterwards beforehand
first two three four five six eight nine ten eleven twelve fifteen twenty forty fifty sixty hundred third
"""

STOP_WORDS: dict[str, frozenset[str]] = {"en": frozenset(_ENGLISH.split())}
"""By the code of the language. Of other languages only how frequent a word is counts."""
