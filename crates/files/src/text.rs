//! Encodings: what bytes a file's text is in, and turning them into UTF-8 and back.

use std::borrow::Cow;
use std::io::{self, Read};

use connector::Fault;
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::Problem;

/// Finds an encoding by its name in the WHATWG Encoding Standard, such as `windows-1252` or `iso-8859-15`.
///
/// # Errors
/// [`Fault::Halt`] names an encoding that does not exist.
pub fn encoding(name: &str) -> Result<&'static Encoding, Fault> {
    Encoding::for_label(name.as_bytes()).ok_or_else(|| {
        Fault::halt(format!(
            "there is no encoding \"{name}\"; use utf-8, windows-1252, iso-8859-15, utf-16le or another name of the WHATWG standard"
        ))
    })
}

/// What bytes a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// The encoding of the bytes as they are in the file.
    pub encoding: &'static Encoding,
    /// How many bytes of byte order mark stand before the text.
    pub mark: usize,
}

impl Text {
    /// Tells the encoding from a byte order mark, else takes the declared one, else UTF-8.
    ///
    /// # Errors
    /// Refuses content that cannot be text in that encoding: documents of other programs, NUL bytes, or UTF-16 that is none.
    pub fn detect(head: &[u8], declared: Option<&'static Encoding>) -> Result<Text, Problem> {
        if let Some((encoding, mark)) = Encoding::for_bom(head) {
            return Ok(Text { encoding, mark });
        }
        for (magic, what) in [
            (b"PK\x03\x04".as_slice(), "a zip archive or an Excel workbook (.xlsx)"),
            (b"\xD0\xCF\x11\xE0", "an Excel workbook (.xls)"),
            (b"%PDF-", "a PDF document"),
            (b"\x1F\x8B", "gzip data without the extension .gz"),
        ] {
            if head.starts_with(magic) {
                let reason = format!("the file is {what}, not text; export it as text and drop it again");
                return Err(Problem::refused("file.binary", reason));
            }
        }
        let encoding = declared.unwrap_or(UTF_8);
        let wide = encoding == UTF_16LE || encoding == UTF_16BE;
        let nul = head.iter().position(|byte| *byte == 0);
        if wide && nul.is_none() && head.len() >= 16 {
            let reason =
                format!("the file is declared as {} but is not; is it utf-8 or windows-1252?", encoding.name());
            return Err(Problem::refused("file.encoding", reason));
        }
        if !wide && let Some(at) = nul {
            let reason = format!(
                "byte {at} of the file is NUL: it is binary, not text, or it is UTF-16: then say encoding = \"utf-16le\""
            );
            return Err(Problem::refused("file.binary", reason));
        }
        Ok(Text { encoding, mark: 0 })
    }

    /// Whether lines, quotes and delimiters can be found in the bytes as they are. If not, the text is turned into
    /// UTF-8 as a whole before it is read: UTF-16, and encodings whose second bytes look like ASCII.
    pub fn is_direct(&self) -> bool {
        self.encoding == UTF_8 || self.encoding.is_single_byte()
    }

    /// Decodes one line or record that is still in the file's own encoding.
    ///
    /// # Errors
    /// The position, counted from 0, of the first byte that is not of this encoding.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, str>, usize> {
        if self.encoding == UTF_8 || !self.is_direct() {
            return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| error.valid_up_to());
        }
        self.encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(|| {
            let whole =
                |byte: &u8| self.encoding.decode_without_bom_handling_and_without_replacement(&[*byte]).is_none();
            bytes.iter().position(whole).unwrap_or(0)
        })
    }

    /// The text as UTF-8, for an encoding that is not [direct](Self::is_direct).
    /// What is not of the encoding becomes U+FFFD.
    pub fn transcode(&self, inner: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        Box::new(Transcoder {
            inner,
            decoder: self.encoding.new_decoder_without_bom_handling(),
            input: vec![0; CHUNK],
            start: 0,
            end: 0,
            ended: false,
            finished: false,
            output: vec![0; CHUNK],
            output_start: 0,
            output_end: 0,
        })
    }
}

const CHUNK: usize = 32 * 1024;

struct Transcoder {
    inner: Box<dyn Read + Send>,
    decoder: Decoder,
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// The inner reader has no more.
    ended: bool,
    /// The decoder has given everything; it must not be asked again.
    finished: bool,
    output: Vec<u8>,
    output_start: usize,
    output_end: usize,
}

impl Transcoder {
    fn refill(&mut self) -> io::Result<()> {
        if self.start == self.end && !self.ended {
            self.end = self.inner.read(&mut self.input)?;
            self.start = 0;
            self.ended = self.end == 0;
        }
        let input = &self.input[self.start..self.end];
        let (result, read, written, _) = self.decoder.decode_to_utf8(input, &mut self.output, self.ended);
        self.start += read;
        (self.output_start, self.output_end) = (0, written);
        self.finished = self.ended && result == CoderResult::InputEmpty;
        Ok(())
    }
}

impl Read for Transcoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.output_start == self.output_end {
            if self.finished {
                return Ok(0);
            }
            self.refill()?;
        }
        let count = buffer.len().min(self.output_end - self.output_start);
        buffer[..count].copy_from_slice(&self.output[self.output_start..self.output_start + count]);
        self.output_start += count;
        Ok(count)
    }
}

/// Encodes text; returns the first character that the encoding cannot express.
///
/// UTF-16 is written in the byte order that the encoding names, without a mark.
///
/// # Errors
/// The character, for a message that does not show the whole value.
pub fn encode<'a>(encoding: &'static Encoding, text: &'a str) -> Result<Cow<'a, [u8]>, char> {
    if encoding == UTF_16LE {
        return Ok(Cow::Owned(text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    }
    if encoding == UTF_16BE {
        return Ok(Cow::Owned(text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
    }
    let (bytes, _, lossy) = encoding.encode(text);
    if !lossy {
        return Ok(bytes);
    }
    let unmappable = |character: &char| encoding.encode(character.encode_utf8(&mut [0; 4])).2;
    Err(text.chars().find(unmappable).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests;
