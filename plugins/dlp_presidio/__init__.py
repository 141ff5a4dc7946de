"""Personal data, found by Presidio's own recognizers where the one scan says they may match."""
