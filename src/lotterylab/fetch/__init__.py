"""Published data sets from their own sites into the user's folder: complete and as published, or not at all."""

from lotterylab.fetch.sets import fetch
from lotterylab.fetch.sources import SOURCES, Archive, File, Progress, Source

__all__ = ["SOURCES", "Archive", "File", "Progress", "Source", "fetch"]
