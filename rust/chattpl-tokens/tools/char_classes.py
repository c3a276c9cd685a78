"""Writes src/pretokenize/class_table.rs from what the regular expressions of `tokenizers` match.

Usage: python tools/char_classes.py > src/pretokenize/class_table.rs
"""

from tokenizers import Regex, __version__
from tokenizers.pre_tokenizers import Split

CLASSES = {
    "u": r"[\p{Lu}\p{Lt}]",
    "w": r"\p{Ll}",
    "x": r"[\p{Lm}\p{Lo}]",
    "m": r"\p{M}",
    "n": r"\p{N}",
    "s": r"[\s&&[^\r\n]]",
    "l": r"[\r\n]",
    "p": r"[\p{P}\p{S}]",
}
BLOCK = 128
PAGED = 0x20000


def table() -> list[str]:
    """The letter of every code point, `.` for those in no class."""
    everything = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    text = "".join(map(chr, everything))
    letters = ["."] * 0x110000
    for letter, pattern in CLASSES.items():
        matches = Split(Regex(pattern + "+"), "removed", invert=True)
        for piece, _ in matches.pre_tokenize_str(text):
            for c in piece:
                assert letters[ord(c)] == ".", hex(ord(c))
                letters[ord(c)] = letter
    return letters


def main() -> None:
    """Prints the table as Rust source."""
    letters = table()
    blocks: dict[str, int] = {}
    pages = []
    for start in range(0, PAGED, BLOCK):
        block = "".join(letters[start : start + BLOCK])
        pages.append(blocks.setdefault(block, len(blocks)))
    print("//! Character classes, block by block.")
    print("//!")
    print(f"//! Written by `tools/char_classes.py` from what `tokenizers` {__version__} matches; not to be edited.")
    print()
    print(f"/// The block of every {BLOCK} code points below U+{PAGED:X}.")
    print("#[rustfmt::skip]")
    print(f"pub(super) static PAGES: [u8; {len(pages)}] = [")
    assert len(blocks) <= 256
    for start in range(0, len(pages), 32):
        print("    " + ", ".join(map(str, pages[start : start + 32])) + ",")
    print("];")
    print()
    print("/// The classes of the code points of every block, a letter each.")
    print("#[rustfmt::skip]")
    print(f"pub(super) static BLOCKS: [&[u8; {BLOCK}]; {len(blocks)}] = [")
    for block in blocks:
        print(f'    b"{block}",')
    print("];")
    print()
    print("/// First code point, last code point and class of everything above; what is in no range is in no class.")
    print("#[rustfmt::skip]")
    print("pub(super) static RANGES: &[(u32, u32, u8)] = &[")
    start = PAGED
    for c in range(PAGED + 1, 0x110001):
        if c == 0x110000 or letters[c] != letters[start]:
            if letters[start] != ".":
                print(f"    (0x{start:X}, 0x{c - 1:X}, b'{letters[start]}'),")
            start = c
    print("];")


if __name__ == "__main__":
    main()
