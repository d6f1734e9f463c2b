// Counts a watch's events in the bytes of a chunked HTTP answer, without parsing or keeping them.

const NEWLINE = 10;
const BRACE = 125;

/** The status and what follows the head in the first bytes of an answer, which hold the whole head. */
export function splitHead(bytes: Buffer): { readonly status: number; readonly body: Buffer } {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error('the head of the answer came in pieces');
  return { status: Number(bytes.subarray(9, 12).toString()), body: bytes.subarray(end + 4) };
}

/** An event is a line of JSON and ends in `}` and a newline; the lines of chunk sizes between them do not. */
export class LineCounter {
  private last = 0;

  /** How many events end in these bytes. */
  take(bytes: Buffer): number {
    let events = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
      if ((at === 0 ? this.last : bytes[at - 1]) === BRACE) events++;
    }
    this.last = bytes[bytes.length - 1] ?? this.last;
    return events;
  }
}
