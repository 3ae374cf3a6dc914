/** Base64 of RFC 4648 with the platform's own `btoa` and `atob`, in pieces that fit an argument list. */

const PIECE_BYTES = 0x6000;

export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  // The piece is a multiple of three, so that pieces can be joined without padding in between.
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    text += btoa(String.fromCharCode(...bytes.subarray(start, start + PIECE_BYTES)));
  }
  return text;
}

/** The bytes, or undefined if the text is not base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  try {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
    return bytes;
  } catch {
    return undefined;
  }
}
