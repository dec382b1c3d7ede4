"""Files and text of other people and of ours: read without running code, written whole or not at all."""
