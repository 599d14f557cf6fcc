"""The corpus: messages that break migrations, each with a name, made by code from a short definition."""

from tests.support.odd_mail.corpus import CORPUS, odd_messages
from tests.support.odd_mail.letter import LARGEST, Letter, Odd

__all__ = ["CORPUS", "LARGEST", "Letter", "Odd", "odd_messages"]
