"""The vendors, one file each: its dialects and what it is called, as `PROVIDER`. A new file is all that a new vendor takes."""
