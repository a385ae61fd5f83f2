//! The bytes of a file: its fingerprint, decompression, and reading from a position.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use canonical::record::ContentHash;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::checkpoint::Stamp;
use crate::{Problem, Text, pdf};

/// How a file is compressed; its extension says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// `.gz`: one or more gzip members (RFC 1952).
    Gzip,
    /// `.zip`: an archive with exactly one file, stored or deflated.
    Zip,
    /// `.pdf`: the invoice that is attached to it, by Factur-X and ZUGFeRD.
    Pdf,
}

impl Compression {
    /// Tells the compression from a file's name.
    pub fn of(name: &str) -> Self {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if extension.eq_ignore_ascii_case("gz") {
            Compression::Gzip
        } else if extension.eq_ignore_ascii_case("zip") {
            Compression::Zip
        } else if extension.eq_ignore_ascii_case("pdf") {
            Compression::Pdf
        } else {
            Compression::None
        }
    }
}

/// A file that was taken for reading: its content is known by a hash.
#[derive(Clone, Debug)]
pub struct FileTaken {
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
    /// What was hashed is what is read, even if another file takes the name meanwhile.
    held: Held,
    pub(crate) fingerprint: ContentHash,
    compression: Compression,
    file_bytes_max: u64,
    companion: Option<Box<FileTaken>>,
}

/// How much of the beginning of a file tells what it is.
const HEAD_BYTES: usize = 8 * 1024;

impl FileTaken {
    /// Hashes the file; returns `None` when it changed meanwhile, and so was not settled.
    pub(crate) fn take(path: &Path, stamp: &Stamp, file_bytes_max: u64) -> io::Result<Option<Self>> {
        let mut file = File::open(path)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut file)?;
        if Stamp::of(&stamp.name, &file.metadata()?) != *stamp {
            return Ok(None);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Ok(Some(FileTaken {
            path: path.to_owned(),
            stamp: stamp.clone(),
            held: Held::File(Arc::new(file)),
            fingerprint: ContentHash(hash),
            compression: Compression::of(&stamp.name),
            file_bytes_max,
            companion: None,
        }))
    }

    /// The same with the second file of the drop; the drop is known by both.
    pub(crate) fn with_companion(mut self, companion: FileTaken) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.fingerprint.0).update(&companion.fingerprint.0);
        self.fingerprint.0.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        self.companion = Some(Box::new(companion));
        self
    }

    /// The second file of the drop, where the stream has one.
    pub fn companion(&self) -> Option<&FileTaken> {
        self.companion.as_deref()
    }

    /// A file whose bytes are in memory, for who has no folder: a [`Format`](crate::Format) reads it like any other.
    /// Its name tells how it is compressed.
    pub fn in_memory(name: &str, bytes: Vec<u8>, file_bytes_max: u64) -> Self {
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
        FileTaken {
            path: PathBuf::from(name),
            stamp: Stamp { name: name.to_owned(), bytes: bytes.len() as u64, modified: 0 },
            compression: Compression::of(name),
            fingerprint: ContentHash(hash),
            file_bytes_max,
            held: Held::Memory(bytes.into()),
            companion: None,
        }
    }

    /// Whether the content was written to since it was hashed.
    pub(crate) fn was_changed(&self) -> bool {
        if self.companion.as_ref().is_some_and(|companion| companion.was_changed()) {
            return true;
        }
        match &self.held {
            Held::File(file) => {
                !file.metadata().is_ok_and(|metadata| Stamp::of(&self.stamp.name, &metadata) == self.stamp)
            }
            Held::Memory(_) => false,
        }
    }

    fn raw(&self, offset: u64) -> At {
        At { held: self.held.clone(), offset }
    }

    /// The file's name within its folder.
    pub fn name(&self) -> &str {
        &self.stamp.name
    }

    /// How the file is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Refuses an empty file, one that is too large, and one whose compression is damaged or cut off.
    pub(crate) fn inspect(&self) -> Result<(), Problem> {
        if let Some(companion) = &self.companion {
            companion.inspect().map_err(|problem| problem.in_file(companion.name()))?;
        }
        let mut bytes = self.stamp.bytes;
        if self.compression != Compression::None && bytes > 0 {
            bytes = self.inspect_compressed().map_err(|problem| problem.of_compressed(true))?;
        }
        if bytes == 0 {
            let reason =
                "the file is empty; if the system has no records it must still write a header or a root element";
            return Err(Problem::refused("file.empty", reason));
        }
        if bytes > self.file_bytes_max {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn too_large(&self) -> Problem {
        let reason =
            format!("the file has more than {} bytes; raise file_bytes_max if that is right", self.file_bytes_max);
        Problem::refused("file.too-large", reason)
    }

    /// Decompresses the file once, checksums included; returns the size of its content.
    fn inspect_compressed(&self) -> Result<u64, Problem> {
        let limit = self.file_bytes_max.saturating_add(1);
        if self.compression == Compression::Pdf && self.stamp.bytes > self.file_bytes_max {
            return Err(self.too_large());
        }
        let bytes = match self.compression {
            Compression::Pdf => self.attached_invoice()?.len() as u64,
            Compression::Zip => {
                let mut archive = ZipArchive::new(self.raw(0)).map_err(zip_problem)?;
                let index = only_entry(&mut archive)?;
                let entry = archive.by_index(index).map_err(zip_problem)?;
                io::copy(&mut entry.take(limit), &mut io::sink())?
            }
            _ => io::copy(&mut self.open(0)?.take(limit), &mut io::sink())?,
        };
        if bytes > self.file_bytes_max { Err(self.too_large()) } else { Ok(bytes) }
    }

    /// The decompressed bytes from an offset on.
    ///
    /// # Errors
    /// A file that is gone, cannot be read, or is not what its extension says.
    pub fn open(&self, offset: u64) -> Result<Content, Problem> {
        let consumed = Arc::new(AtomicU64::new(0));
        if self.compression == Compression::None {
            consumed.store(offset, Ordering::Relaxed);
            let reader = Box::new(Counted { inner: self.raw(offset), consumed: Arc::clone(&consumed) });
            return Ok(Content { reader, consumed });
        }
        if self.compression == Compression::Pdf {
            let mut reader: Box<dyn Read + Send> = Box::new(io::Cursor::new(self.attached_invoice()?));
            skip(&mut reader, offset)?;
            consumed.store(self.stamp.bytes, Ordering::Relaxed);
            return Ok(Content { reader, consumed });
        }
        let mut reader: Box<dyn Read + Send> = if self.compression == Compression::Zip {
            let (start, length, method) = zip_data(self.raw(0))?;
            let counted = Counted { inner: self.raw(start).take(length), consumed: Arc::clone(&consumed) };
            match method {
                CompressionMethod::Stored => Box::new(counted),
                _ => Box::new(DeflateDecoder::new(counted)),
            }
        } else {
            Box::new(MultiGzDecoder::new(Counted { inner: self.raw(0), consumed: Arc::clone(&consumed) }))
        };
        skip(&mut reader, offset)?;
        Ok(Content { reader, consumed })
    }

    /// The invoice that is attached to a PDF.
    fn attached_invoice(&self) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        self.raw(0).take(self.file_bytes_max).read_to_end(&mut bytes)?;
        pdf::attached_invoice(&bytes, self.file_bytes_max)
    }

    /// The beginning of the decompressed bytes, from which [`Text::detect`] tells what they are.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn head(&self) -> Result<Vec<u8>, Problem> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        self.open(0)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        Ok(head)
    }

    /// All decompressed bytes, for a format that cannot be read from one end to the other.
    ///
    /// # Errors
    /// As [`open`](Self::open), and a file with more than `bytes_max` bytes; `field` is the setting that says how many.
    pub fn read_whole(&self, bytes_max: u64, field: &str) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        self.open(0)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            let reason = format!("the file has more than {field} = {bytes_max} bytes; raise it if that is right");
            return Err(Problem::refused("file.too-large", reason));
        }
        Ok(bytes)
    }

    /// The text from an offset on, without a byte order mark: the file's own bytes where they can be read directly,
    /// else UTF-8. The offset counts in the same bytes.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_text(&self, text: &Text, offset: u64) -> Result<Content, Problem> {
        let mark = text.mark as u64;
        if text.is_direct() {
            return self.open(mark + offset);
        }
        let content = self.open(mark)?;
        let mut reader = text.transcode(content.reader);
        skip(&mut reader, offset)?;
        Ok(Content { reader, consumed: content.consumed })
    }
}

fn skip(reader: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink())?;
    if skipped < bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends before the stored position"));
    }
    Ok(())
}

/// The decompressed bytes of a file, to be read once.
pub struct Content {
    reader: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
}

impl Content {
    /// Content that is in memory already.
    pub fn in_memory(bytes: Vec<u8>) -> Self {
        Content { reader: Box::new(io::Cursor::new(bytes)), consumed: Arc::new(AtomicU64::new(0)) }
    }

    /// Content that is in memory already and shared, from an offset on.
    pub fn shared(bytes: Arc<[u8]>, offset: u64) -> Self {
        let mut reader = io::Cursor::new(bytes);
        reader.set_position(offset);
        Content { reader: Box::new(reader), consumed: Arc::new(AtomicU64::new(offset)) }
    }

    /// Counts the bytes of the file, as it is on disk, that were read so far.
    pub fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
enum Held {
    File(Arc<File>),
    Memory(Arc<[u8]>),
}

impl Held {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Held::File(file) => file.read_at(buffer, offset),
            Held::Memory(bytes) => {
                let from = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
                (&bytes[from..]).read(buffer)
            }
        }
    }

    fn length(&self) -> io::Result<u64> {
        match self {
            Held::File(file) => Ok(file.metadata()?.len()),
            Held::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }
}

/// Reads shared bytes from an offset of its own.
struct At {
    held: Held,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.held.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl Seek for At {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let (base, by) = match position {
            SeekFrom::Start(offset) => (offset, 0),
            SeekFrom::End(by) => (self.held.length()?, by),
            SeekFrom::Current(by) => (self.offset, by),
        };
        let offset = base.checked_add_signed(by);
        self.offset =
            offset.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the file"))?;
        Ok(self.offset)
    }
}

struct Counted<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn zip_problem(error: ZipError) -> Problem {
    match error {
        ZipError::Io(error) => Problem::Io(error),
        other => Problem::refused(
            "file.damaged",
            format!("the zip archive is damaged or cut off ({other}); ask for it again"),
        ),
    }
}

/// How many bytes the parts of a document that is a zip archive have in all, counted by decompressing them.
///
/// # Errors
/// A damaged archive, and one whose parts have more than `bytes_max` bytes; `field` is the setting behind that limit.
pub fn unpacked_bytes(archive: &[u8], bytes_max: u64, field: &str) -> Result<u64, Problem> {
    let mut archive = ZipArchive::new(io::Cursor::new(archive)).map_err(zip_problem)?;
    let mut bytes = 0;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(zip_problem)?;
        let left = (bytes_max + 1).saturating_sub(bytes);
        let counted = io::copy(&mut part.take(left), &mut io::sink());
        bytes += counted.map_err(|error| Problem::Io(error).of_compressed(true))?;
        if bytes > bytes_max {
            let reason = format!("the file unpacks to more than {bytes_max} bytes; raise {field} if that is right");
            return Err(Problem::refused("file.too-large", reason));
        }
    }
    Ok(bytes)
}

/// The index of the one file in an archive; folders and the metadata of macOS do not count.
fn only_entry(archive: &mut ZipArchive<At>) -> Result<usize, Problem> {
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(zip_problem)?;
        if entry.is_file() && !entry.name_raw().starts_with(b"__MACOSX/") {
            files.push(index);
        }
    }
    match files.as_slice() {
        [index] => Ok(*index),
        other => {
            let reason = format!("the zip archive holds {} files; it must hold exactly one", other.len());
            Err(Problem::refused("file.archive", reason))
        }
    }
}

/// Where the compressed bytes of the one file start, how many there are, and how they are compressed.
fn zip_data(file: At) -> Result<(u64, u64, CompressionMethod), Problem> {
    let mut archive = ZipArchive::new(file).map_err(zip_problem)?;
    let index = only_entry(&mut archive)?;
    let entry = archive.by_index_raw(index).map_err(zip_problem)?;
    let method = entry.compression();
    if entry.encrypted() || !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        let reason = "the zip archive is encrypted or uses an unusual compression; use plain deflate";
        return Err(Problem::refused("file.archive", reason));
    }
    let start = entry
        .data_start()
        .ok_or_else(|| Problem::refused("file.damaged", "the zip archive has no data; ask for it again"))?;
    Ok((start, entry.compressed_size(), method))
}

#[cfg(test)]
mod tests;
