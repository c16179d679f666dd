//! HTTP/2 frames (RFC 9113), built by hand, because a conforming client library could not violate the protocol.

/// Connection preface of a client.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of the frames that attacks send, by their numbers.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Data = 0,
    Headers = 1,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    Continuation = 9,
}

/// Flag of the last frame of a header list.
pub const END_HEADERS: u8 = 4;
/// Flag of the last frame of a request.
pub const END_STREAM: u8 = 1;

/// Encodes a frame.
pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([kind as u8, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Start of a connection: preface and a SETTINGS frame of `(identifier, value)` pairs.
pub fn beginning(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (number, value) in settings {
        payload.extend(number.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    [PREFACE.to_vec(), frame(Kind::Settings, 0, 0, &payload)].concat()
}

/// Header list of a request, in literals that are not indexed (RFC 7541, section 6.2.2).
pub fn headers(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let own =
        [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)];
    own.iter().chain(more).flat_map(|(name, value)| literal(name, value)).collect()
}

/// Encodes one header as a literal.
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        length(text.len(), &mut bytes);
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// Encodes a length with a prefix of seven bits (RFC 7541, section 5.1).
fn length(length: usize, bytes: &mut Vec<u8>) {
    let byte = |number: usize| u8::try_from(number).unwrap_or_default();
    if length < 127 {
        return bytes.push(byte(length));
    }
    bytes.push(127);
    let mut left = length - 127;
    while left >= 128 {
        bytes.push(byte(left % 128) | 128);
        left /= 128;
    }
    bytes.push(byte(left));
}
