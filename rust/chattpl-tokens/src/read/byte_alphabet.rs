//! The 256 characters that byte-level tokenizers write bytes as.

/// One more than the highest character of the alphabet.
const END: usize = 0x144;

/// From the characters of the alphabet to the bytes they stand for.
#[derive(Debug, Clone)]
pub struct ByteAlphabet {
    byte_of_char: [Option<u8>; END],
}

impl ByteAlphabet {
    /// Printable Latin-1 stands for itself; the other bytes are U+0100 and up, in order.
    pub fn new() -> Self {
        let mut byte_of_char = [None; END];
        let mut next = 0x100;
        for byte in 0..=255_u8 {
            let index = match byte {
                0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => byte as usize,
                _ => {
                    next += 1;
                    next - 1
                }
            };
            byte_of_char[index] = Some(byte);
        }
        ByteAlphabet { byte_of_char }
    }

    /// The character that stands for a byte.
    pub fn character(&self, byte: u8) -> char {
        let index = self.byte_of_char.iter().position(|found| *found == Some(byte));
        index.and_then(|index| char::from_u32(index as u32)).expect("every byte has a character")
    }

    /// Appends the bytes that `token` stands for; its own UTF-8 where a character is outside the alphabet, as `tokenizers` decodes it.
    pub fn append_bytes(&self, token: &str, out: &mut Vec<u8>) {
        let start = out.len();
        for character in token.chars() {
            match self.byte_of_char.get(character as usize) {
                Some(Some(byte)) => out.push(*byte),
                _ => {
                    out.truncate(start);
                    out.extend_from_slice(token.as_bytes());
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(token: &str) -> Vec<u8> {
        let mut out = Vec::new();
        ByteAlphabet::new().append_bytes(token, &mut out);
        out
    }

    #[test]
    fn alphabet_holds_every_byte_once() {
        let mut bytes: Vec<u8> = ByteAlphabet::new().byte_of_char.iter().flatten().copied().collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn marks_of_space_and_newline_are_read() {
        assert_eq!(bytes_of("Ġthe"), b" the");
        assert_eq!(bytes_of("ĊĊ"), b"\n\n");
        assert_eq!(bytes_of("æĹ¥"), "日".as_bytes());
    }

    #[test]
    fn token_outside_the_alphabet_keeps_its_text() {
        assert_eq!(bytes_of("<｜end｜>"), "<｜end｜>".as_bytes());
    }
}
